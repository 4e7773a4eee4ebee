import {
  type ClusterTime,
  dateOf,
  formatClusterTime,
  OplogError,
  parseTime,
  readCoverage,
  resolveTime,
  type Store,
  type Time,
} from "@oplog-collector/collector-core";
import { checkNotHeld, type Pruned, prune as pruneLog } from "@oplog-collector/restore";
import { type Command, InvalidArgumentError } from "commander";
import { count, size } from "../amounts.js";
import { type LogOptions, nameOption, storeOption, withLog } from "../open-log.js";
import { printJson, printLine } from "../print.js";

interface PruneOptions extends LogOptions {
  before?: Time;
  maxBytes?: number;
  dryRun?: boolean;
  json?: boolean;
}

export const addPrune = (program: Command): void => {
  program
    .command("prune")
    .summary("removes what is no longer to be kept")
    .description(
      "Removes the oldest segments of a log, whole ones, and the base snapshots that nothing left needs. Every moment after --before stays as restorable as it was: the snapshot that it is restored from stays, with all of the log since then. The newest segment always stays. The collector may run meanwhile.",
    )
    .addOption(storeOption())
    .addOption(nameOption())
    .option("--before <time>", "what ended before this moment", parseTime)
    .option("--max-bytes <n>", "the oldest, until log and snapshots together have no more than this, as stored", parseBytes)
    .option("--dry-run", "says what would be removed, and removes nothing")
    .option("--json", "print one JSON document")
    .addHelpText("after", HELP)
    .action(prune);
};

const HELP = `
Refused while the log is under a legal hold (oplog hold).

Examples:
  $ oplog prune --store file:///var/lib/oplog --name shop --before 2026-10-22T00:00:00Z --dry-run
  $ oplog prune --store file:///var/lib/oplog --name shop --max-bytes 100000000000`;

async function prune(options: PruneOptions): Promise<void> {
  const { before, maxBytes, dryRun = false } = options;
  if (!before && maxBytes === undefined)
    throw new OplogError("BAD_INPUT", "It is not said what is to go", { hint: "Give --before TIME, --max-bytes N, or both." });
  const pruned = await withLog(options, async (store, location) => {
    if (!dryRun) await checkNotHeld(location, options.name);
    return pruneLog(location, options.name, { before: before ? await cutoffOf(before, store) : null, maxBytes, dryRun });
  });
  if (options.json) await printJson(jsonOf(pruned, dryRun));
  else await printLine(textOf(options.name, pruned, dryRun));
}

const cutoffOf = async (time: Time, store: Store): Promise<ClusterTime> => resolveTime(time, store, await readCoverage(store));

const jsonOf = ({ removeUpTo, removeSnapshots, segments, storedBytes, keptFrom, bytesTooMany, held }: Pruned, dryRun: boolean) => ({
  dryRun,
  segments,
  upToSegment: removeUpTo,
  snapshots: removeSnapshots,
  storedBytes,
  keptFrom: keptFrom === null ? null : formatClusterTime(keptFrom),
  bytesTooMany,
  held: held && { ...held, at: held.at.toISOString() },
});

function textOf(name: string, { removeSnapshots, segments, storedBytes, keptFrom, bytesTooMany, held }: Pruned, dryRun: boolean): string {
  const nothing = segments === 0 && removeSnapshots.length === 0;
  const what = [`${count(segments)} segments`, ...removeSnapshots.map((id) => `snapshot ${id}`)].join(", ");
  return [
    nothing ? `${name}: nothing to remove` : `${name}: ${dryRun ? "would remove" : "removed"} ${what}: ${size(storedBytes)}`,
    ...(keptFrom === null ? [] : [`The log begins after ${formatClusterTime(keptFrom)} (${dateOf(keptFrom).toISOString()}).`]),
    ...(bytesTooMany > 0
      ? [`It stays ${size(bytesTooMany)} above --max-bytes: all that is left hangs on the newest snapshot. Take another one.`]
      : []),
    ...(held ? [`It is under a legal hold since ${held.at.toISOString()} (${held.by}): ${held.reason}`] : []),
  ].join("\n");
}

function parseBytes(text: string): number {
  if (!/^\d{1,15}$/.test(text) || Number(text) === 0) throw new InvalidArgumentError("It is not a whole number above 0.");
  return Number(text);
}
