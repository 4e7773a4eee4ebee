import type {
  ClusterView,
  EventRow,
  Job as ManagerJob,
  RegistrationInput,
  RestoreRequest,
  StatsRow,
  UnusualMoment,
} from "@oplog-collector/manager";
import type { RestorePlan, Snapshot } from "@oplog-collector/restore";

/** What becomes of a value when it is sent as JSON. */
type AsJson<T> = T extends Date
  ? string
  : T extends readonly (infer Item)[]
    ? AsJson<Item>[]
    : T extends object
      ? { [Key in keyof T]: AsJson<T[Key]> }
      : T;

/** Types of what the HTTP API takes and answers, as JSON. */
export type Cluster = ClusterView;
export type CaptureReport = NonNullable<Cluster["captureReport"]>;
export type CaptureFinding = CaptureReport["findings"][number];
export type Job = AsJson<Omit<ManagerJob, "result">> & { result: unknown };
export type { EventRow, RegistrationInput, RestorePlan, RestoreRequest, StatsRow, UnusualMoment };

export interface PrintedPosition {
  /** `t,i` */
  clusterTime: string;
  wallTime: string;
  token: string | null;
}

export interface Coverage {
  timelines: { from: PrintedPosition; to: PrintedPosition }[];
  gaps: { from: PrintedPosition; to: PrintedPosition; cause: string; detectedAt: string }[];
  snapshots: SnapshotRow[];
  events: number;
  bytes: number;
  storedBytes: number;
}

export type SnapshotRow = Omit<AsJson<Snapshot>, "takenFrom" | "restorableFrom"> & {
  takenFrom: string;
  restorableFrom: string;
};

/** One finding of the doctor. */
export interface DoctorCheck {
  check: string;
  ok: boolean | "warning";
  detail: string;
  hint?: string;
}
