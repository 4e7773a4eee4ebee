import {
  type Coverage,
  canonicalJson,
  checkRangeCovered,
  eventFilter,
  formatClusterTime,
  type LogRange,
  parseTime,
  readCoverage,
  readRange,
  resolveRange,
  type Store,
  type Time,
} from "@oplog-collector/collector-core";
import { type Command, InvalidArgumentError } from "commander";
import { BSON } from "mongodb";
import { type LogOptions, nameOption, storeOption, withLog } from "../open-log.js";
import { printLine, stdoutClosed, tell } from "../print.js";

interface EventsOptions extends LogOptions {
  from?: Time;
  to?: Time;
  ns?: string;
  op?: string;
  id?: unknown;
  limit?: number;
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
    .option("--ns <glob>", 'only namespaces that match; "*" stands for any characters, "?" for one: "shop.orders", "shop.*", "*.orders"')
    .option("--op <op>", "only this operation: insert, update, replace, delete, create, drop, rename, …")
    .option("--id <ejson>", "only events of the document with this _id, as Extended JSON", parseId)
    .option("--limit <n>", "at most so many", parseLimit)
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
    const range = await resolveRange(options, store, coverage);
    if ((await printEvents(store, range, options)) === "all") tellWhatIsMissing(range, coverage);
  });
}

/** Returns `some` when it stopped before the end of the range. */
async function printEvents(
  store: Store,
  range: LogRange,
  { ns, op, id, limit = Number.POSITIVE_INFINITY }: EventsOptions,
): Promise<"all" | "some"> {
  const filter = eventFilter({ namespace: ns, operation: op, id });
  let left = limit;
  if (left === 0) return "some";
  for await (const event of readRange(store, range, filter.segment)) {
    if (stdoutClosed.aborted) return "some";
    if (!filter.event(event)) continue;
    await printLine(canonicalJson(event.bytes));
    if (--left === 0) return "some";
  }
  return "all";
}

/** Whoever asked for a range by its ends gets exit code 3 when it has a hole; who asked for all there is, a warning. */
function tellWhatIsMissing(range: LogRange, coverage: Coverage): void {
  checkRangeCovered(range, coverage);
  if (range.after !== undefined || range.to !== undefined) return;
  for (const { from, to, cause } of coverage.gaps)
    tell(`Note: nothing is known from ${formatClusterTime(from.clusterTime)} to ${formatClusterTime(to.clusterTime)}: ${cause}`);
}

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
