import {
  type ClusterTime,
  formatClusterTime,
  type LogRange,
  OplogError,
  rawValue,
  readCoverage,
  readEvents,
  resolveTime,
  type Store,
  type Time,
  tokenData,
} from "@oplog-collector/collector-core";

/** A range whose ends are between transactions, so that each one is in it whole or not at all. */
export interface WholeRange {
  after: ClusterTime;
  to: ClusterTime;
  /** What became of an end that was given otherwise. */
  notes: string[];
}

/**
 * The events of a transaction share one cluster time, so only a resume token can stand inside one: the range then ends before it. Throws
 * `BAD_INPUT` for a beginning inside a transaction: nobody can say what of it the target has.
 */
export async function wholeTransactions(store: Store, { after = 0n, to = 0n, afterToken, toToken }: LogRange): Promise<WholeRange> {
  const begin = afterToken === undefined ? "after" : await placeOf(store, after, afterToken);
  if (begin === "inside")
    throw new OplogError("BAD_INPUT", `The token given as the beginning is inside the transaction at ${formatClusterTime(after)}`, {
      hint: `Begin before it (${formatClusterTime(after - 1n)}) or after it (${formatClusterTime(after)}), whichever the target holds.`,
    });
  const end = await wholeEnd(store, to, toToken);
  return { after: begin === "before" ? after - 1n : after, ...end };
}

/** The moment up to which to restore, between transactions as well; the notes say when that is not what was given. */
export async function wholeMoment(store: Store, time: Time): Promise<Pick<WholeRange, "to" | "notes">> {
  const to = await resolveTime(time, store, await readCoverage(store));
  return wholeEnd(store, to, time.kind === "token" ? time.token : undefined);
}

async function wholeEnd(store: Store, to: ClusterTime, token: string | undefined): Promise<Pick<WholeRange, "to" | "notes">> {
  const end = token === undefined ? "after" : await placeOf(store, to, token);
  const inside = `The token given as the end is inside the transaction at ${formatClusterTime(to)}: the range ends before that transaction.`;
  return { to: end === "after" ? to : to - 1n, notes: end === "inside" ? [inside] : [] };
}

/** Whether a token stands before, inside or after the events of its cluster time. */
async function placeOf(store: Store, time: ClusterTime, token: string): Promise<"before" | "inside" | "after"> {
  let [included, left] = [0, 0];
  for await (const { bytes, format } of readEvents(store, { after: time - 1n, to: time })) {
    if (format !== "change-event" || tokenData(rawValue(bytes, "_id")!.bytes) <= token) included++;
    else left++;
  }
  if (left === 0) return "after";
  return included === 0 ? "before" : "inside";
}
