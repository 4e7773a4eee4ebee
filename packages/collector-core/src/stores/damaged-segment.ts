import { OplogError } from "../errors.js";

/** What a store throws when it finds something under the number, but no segment. */
export const damagedSegment = (number: number, what: string, cause?: unknown): OplogError =>
  new OplogError("DAMAGED", `Segment ${number} ${what}`, {
    cause,
    hint: "Run verify to see what else is affected; bring the store back from its own backup, or restore to a time before this segment.",
  });
