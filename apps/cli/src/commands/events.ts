import {
  type ClusterTime,
  type Coverage,
  canonicalJson,
  formatClusterTime,
  namespaceMatcher,
  OplogError,
  parseTime,
  rawValue,
  readCoverage,
  readEvents,
  resolveTime,
  type SegmentHeader,
  type Store,
  type StoredEvent,
  type Time,
  timelineFor,
  tokenData,
} from "@oplog-collector/collector-core";
import { type Command, InvalidArgumentError } from "commander";
import { BSON } from "mongodb";
import { type LogOptions, nameOption, storeOption, withLog } from "../open-log.js";
import { printLine, stdoutClosed } from "../print.js";

interface EventsOptions extends LogOptions {
  from?: Time;
  to?: Time;
  ns?: string;
  op?: string;
  id?: unknown;
  limit: number;
}

export const addEvents = (program: Command): void => {
  program
    .command("events")
    .summary("prints the events of a log")
    .description(
      "Prints each event as the server sent it (a change event, or an oplog entry), one line of canonical Extended JSON each. Without --from and --to: all that the log holds.",
    )
    .addOption(storeOption())
    .addOption(nameOption())
    .option("--from <time>", "after this moment (exclusive)", parseTime)
    .option("--to <time>", "up to this moment (inclusive)", parseTime)
    .option("--ns <glob>", 'only this namespace; "*" stands for any characters: "shop.orders", "shop.*", "*.orders"')
    .option("--op <op>", 'only this operation: insert, update, replace, delete, drop, … (in an oplog entry "i", "u", "d", "c")')
    .option("--id <ejson>", "only events of the document with this _id, as Extended JSON", parseId)
    .option("--limit <n>", "at most so many", parseLimit, Number.POSITIVE_INFINITY)
    .option("--json", "accepted as everywhere: the output is JSON lines with or without it")
    .addHelpText("after", HELP)
    .action(events);
};

const HELP = `
TIME is ISO-8601 ("2026-11-22T14:05:24.269Z"), a cluster time ("1795356656,17"), a resume token, or "now" (the end of what is covered).
Exits with 3, after printing what there is, when the log does not cover all of the asked-for range.

Examples:
  $ oplog events --store env:STORE --name shop --ns shop.orders --op delete --from 2026-11-22T14:00:00Z
  $ oplog events --store env:STORE --name shop --id '{"$oid":"656f00c2a1b2c3d4e5f60718"}'
  $ oplog events --store env:STORE --name shop --id 42 --limit 1`;

async function events(options: EventsOptions): Promise<void> {
  await withLog(options, async (store) => {
    const coverage = await readCoverage(store);
    const after = options.from && (await resolveTime(options.from, store, coverage));
    const to = options.to && (await resolveTime(options.to, store, coverage));
    if (after !== undefined && to !== undefined && to < after)
      throw new OplogError("BAD_INPUT", `--from ${options.from!.text} is after --to ${options.to!.text}`, { hint: "Swap them." });
    const whole = await printEvents(store, options, after, to);
    if (whole) checkCovered(coverage, after, to);
  });
}

/** Returns false when it stopped before the end of the range. */
async function printEvents(
  store: Store,
  options: EventsOptions,
  after: ClusterTime | undefined,
  to: ClusterTime | undefined,
): Promise<boolean> {
  const wanted = eventFilter(options);
  let left = options.limit;
  // A token may stand between two events of one cluster time, so that time is read as a whole.
  const readAfter = options.from?.kind === "token" ? after! - 1n : after;
  for await (const event of readEvents(store, { after: readAfter, to, wanted: wanted.segment })) {
    if (stdoutClosed.aborted) return false;
    if (!wanted.event(event)) continue;
    if (left-- <= 0) return false;
    await printLine(canonicalJson(event.bytes));
  }
  return true;
}

/** What was asked for, as questions to a segment's header (which spares reading its events) and to an event. */
function eventFilter({ from, to, ns, op, id }: EventsOptions) {
  const inNamespace = ns === undefined ? () => true : namespaceMatcher(ns);
  const kindWanted = ({ namespace, operation }: { namespace: string; operation: string }) =>
    inNamespace(namespace) && (op === undefined || operation === op);
  const wantedId = id === undefined ? undefined : idBytes(id);
  return {
    segment: (header: SegmentHeader) => header.counts.some(kindWanted),
    event: (event: StoredEvent) =>
      kindWanted(event.kind) && (wantedId === undefined || hasId(event, wantedId)) && insideTokens(event, from, to),
  };
}

function insideTokens({ bytes, format }: StoredEvent, from: Time | undefined, to: Time | undefined): boolean {
  if (format !== "change-event" || (from?.kind !== "token" && to?.kind !== "token")) return true;
  const token = tokenData(rawValue(bytes, "_id")!.bytes);
  return !(from?.kind === "token" && token <= from.token) && !(to?.kind === "token" && token > to.token);
}

interface RawId {
  type: number;
  bytes: Buffer;
}

function idBytes(id: unknown): RawId {
  return rawValue(Buffer.from(BSON.serialize({ id })), "id")!;
}

/** The same type and the same bytes: 1 and 1.0 are told apart. */
function hasId({ bytes, format }: StoredEvent, id: RawId): boolean {
  const found =
    format === "change-event" ? rawValue(bytes, "documentKey", "_id") : (rawValue(bytes, "o2", "_id") ?? rawValue(bytes, "o", "_id"));
  return found !== undefined && found.type === id.type && found.bytes.equals(id.bytes);
}

/** Throws `OUTSIDE_COVERAGE` when something of the range that was asked for by its ends is not in the log. */
function checkCovered(coverage: Coverage, after: ClusterTime | undefined, to: ClusterTime | undefined): void {
  const first = coverage.timelines[0]!.from.clusterTime;
  const last = coverage.timelines.at(-1)!.to.clusterTime;
  if (after === undefined && to === undefined) return;
  timelineFor(coverage, after ?? (to! < first ? to! : first), to ?? (after! > last ? after! : last), printTime);
}

const printTime = (time: ClusterTime): string => formatClusterTime(time);

function parseId(text: string): unknown {
  try {
    return BSON.EJSON.parse(text, { relaxed: false });
  } catch {
    throw new InvalidArgumentError(
      `It is not Extended JSON. Write '{"$oid":"656f00c2a1b2c3d4e5f60718"}', '"text"' (with the quotes) or 42.`,
    );
  }
}

function parseLimit(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError("It is not a whole number.");
  return Number(text);
}
