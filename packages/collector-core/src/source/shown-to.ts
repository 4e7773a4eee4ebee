import type { ClusterTime } from "../cluster-time.js";
import { isHighWaterMark, type Position, tokenData } from "../position.js";

/** Up to where a change stream has shown everything at a position: of a high-water mark's own time something may still come. */
export const shownTo = ({ token, clusterTime }: Position): ClusterTime =>
  token && isHighWaterMark(tokenData(token)) ? clusterTime - 1n : clusterTime;
