import { type Coverage, dateOf, formatClusterTime, type Position, printPosition, readCoverage } from "@oplog-collector/collector-core";
import { listSnapshots, printSnapshot, type Snapshot, storageForecast } from "@oplog-collector/restore";
import type { Command } from "commander";
import { count, duration, size } from "../amounts.js";
import { type LogOptions, nameOption, storeOption, withLog } from "../open-log.js";
import { printJson, printLine } from "../print.js";
import { table } from "../table.js";

interface RangeOptions extends LogOptions {
  json?: boolean;
}

export const addRange = (program: Command): void => {
  program
    .command("range")
    .summary("shows what a log covers")
    .description("Shows what a log covers: the ranges that can be restored, and the gaps between them with their causes.")
    .addOption(storeOption())
    .addOption(nameOption())
    .option("--json", "print one JSON document")
    .addHelpText("after", "\nExample:\n  $ oplog range --store file:///var/lib/oplog --name shop")
    .action(range);
};

async function range(options: RangeOptions): Promise<void> {
  const [coverage, snapshots] = await withLog(options, async (store, location) =>
    Promise.all([readCoverage(store), listSnapshots(location, options.name)]),
  );
  if (options.json) await printJson({ ...jsonOf(coverage), snapshots: snapshots.map(printSnapshot) });
  else await printLine(textOf(coverage, snapshots, options.name));
}

const jsonOf = ({ timelines, gaps, damaged, events, bytes, storedBytes, segments }: Coverage) => ({
  timelines: timelines.map(({ from, to, source }) => ({ from: printPosition(from), to: printPosition(to), source })),
  gaps: gaps.map(({ from, to, cause, detectedAt }) => ({
    from: printPosition(from),
    to: printPosition(to),
    cause,
    detectedAt: detectedAt.toISOString(),
  })),
  damaged,
  events,
  bytes,
  storedBytes,
  segments,
  forecast: storageForecast({ timelines, storedBytes }),
});

function textOf(coverage: Coverage, snapshots: Snapshot[], name: string): string {
  const { timelines, gaps, damaged, events, bytes, storedBytes, segments } = coverage;
  const forecast = storageForecast(coverage);
  const covered = timelines.map(({ from, to }) => [...ends(from, to), duration(+dateOf(to.clusterTime) - +dateOf(from.clusterTime))]);
  const copies = snapshots.map(({ id, restorableFrom, documents, storedBytes }) => [
    id,
    dateOf(restorableFrom).toISOString(),
    formatClusterTime(restorableFrom),
    count(documents),
    size(storedBytes),
  ]);
  const missing = gaps.map(({ from, to, cause }) => [...ends(from, to), cause]);
  return [
    `${name}: ${count(events)} events in ${count(segments)} segments, ${size(bytes)} of BSON stored as ${size(storedBytes)}`,
    ...(forecast ? [`It grows by ${size(forecast.storedBytesPerDay)} a day: ${size(forecast.storedBytesIn30Days)} in 30 days`] : []),
    "",
    table(["covered from", "(after)", "to", "(inclusive)", "length"], covered),
    ...(copies.length > 0 ? ["", table(["snapshot", "restorable from", "", "documents", "stored"], copies)] : []),
    ...(missing.length > 0 ? ["", table(["gap from", "", "to", "", "cause"], missing)] : []),
    ...(damaged.length > 0 ? ["", ...damaged.map(({ segment, problem }) => `Damaged: segment ${segment} ${problem}`)] : []),
  ].join("\n");
}

const ends = (from: Position, to: Position): string[] =>
  [from, to].map(printPosition).flatMap(({ wallTime, clusterTime }) => [wallTime, clusterTime]);
