import {
  type CollectorStatus,
  dateOf,
  formatClusterTime,
  type PrintedForwardStatus,
  printStatus,
  type StatusError,
} from "@oplog-collector/collector-core";
import { count, duration, size } from "./amounts.js";
import type { StatusForms } from "./status-report.js";

/** A collector with what publishes its log elsewhere. */
export interface CollectStatus extends CollectorStatus {
  forwards: PrintedForwardStatus[];
}

export const COLLECTOR_FORMS: StatusForms<CollectStatus> = {
  json: ({ forwards, ...status }) => ({ ...printStatus(status), ...(forwards.length > 0 && { forwards }) }),
  line: ({ state, coveredTo, lagMs, headroomMs, events, storedBytes, error, forwards }) =>
    [
      state,
      error?.message,
      coveredTo !== null && `covered to ${dateOf(coveredTo).toISOString()}`,
      lagMs !== null && `lag ${duration(lagMs)}`,
      headroomMs !== null && `headroom ${duration(headroomMs)}`,
      `${count(events)} events`,
      size(storedBytes),
      ...forwards.map(lineOfForward),
    ]
      .filter(Boolean)
      .join(" · "),
  logged: ({ state, coveredTo, lagMs, headroomMs, events, capture, notes, forwards }) => ({
    coveredTo: coveredTo === null ? null : formatClusterTime(coveredTo),
    ...{ lagMs, headroomMs, events, capture },
    ...(state === "running" && notes.length > 0 && { notes }),
    ...(forwards.length > 0 && { forwards }),
  }),
};

const lineOfForward = ({
  target,
  state,
  error,
  lagMs,
}: {
  target: string;
  state: string;
  error: StatusError | null;
  lagMs: number | null;
}) => `${target} ${error?.message ?? (lagMs === null ? state : `lag ${duration(lagMs)}`)}`;
