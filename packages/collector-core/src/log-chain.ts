import type { Position } from "./position.js";
import type { SegmentHeader } from "./segment.js";

/** A segment's place in its log: its header, and the hash that the next one must name. */
export interface ChainLink {
  header: SegmentHeader;
  hash: Buffer;
}

/** Why the segment stored under `number` can't be the one that follows `before` (null for the first one that is stored); null when it is. */
export function chainProblem(header: SegmentHeader, number: number, before: ChainLink | null): string | null {
  if (header.number !== number) return `is stored as ${number} and says it is ${header.number}`;
  if (!before) return number === 1 && header.previous ? "is the first one and names one before it" : null;
  if (!header.previous?.equals(before.hash)) return "is not chained to the segment before it";
  // A gap names what is missing, which may begin earlier than the log ended.
  if (header.kind === "gap") return null;
  if (header.kind === "events" && !isSame(header.from, before.header.to)) return "does not begin where the segment before it ended";
  return header.to.clusterTime < header.from.clusterTime ? "ends before it begins" : null;
}

/** By their bytes: a token that is damaged can't be compared otherwise. */
const isSame = (a: Position, b: Position): boolean =>
  a.clusterTime === b.clusterTime && (a.token && b.token ? a.token.equals(b.token) : a.token === b.token);
