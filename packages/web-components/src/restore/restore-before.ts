import { justBefore, millisecondsOf } from "../format/times.js";

/** What "restore to just before this" tells the host: which cluster, and the moment. */
export interface RestoreBefore {
  cluster: string;
  /** Milliseconds since 1970. */
  time: number;
  /** The one to restore to. */
  clusterTime: string;
}

export const restoreBefore = (cluster: string, clusterTime: string): RestoreBefore => ({
  cluster,
  time: millisecondsOf(clusterTime),
  clusterTime: justBefore(clusterTime),
});
