import { isOplogError, type OplogErrorCode } from "@oplog-collector/collector-core";

/** What scripts branch on; the numbers are part of the contract. */
export const EXIT = {
  ok: 0,
  failed: 1,
  wrongUsage: 2,
  outsideCoverage: 3,
  damaged: 4,
  targetNotEmpty: 5,
  fenced: 6,
  /** 128 + SIGINT, as shells do. */
  interrupted: 130,
} as const;

const OF_ERROR: Partial<Record<OplogErrorCode, number>> = {
  BAD_INPUT: EXIT.wrongUsage,
  OUTSIDE_COVERAGE: EXIT.outsideCoverage,
  HISTORY_LOST: EXIT.outsideCoverage,
  DAMAGED: EXIT.damaged,
  TARGET_NOT_EMPTY: EXIT.targetNotEmpty,
  FENCED: EXIT.fenced,
};

export const exitCodeOf = (error: unknown): number => (isOplogError(error) && OF_ERROR[error.code]) || EXIT.failed;
