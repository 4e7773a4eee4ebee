import { type Coverage, dateOf, type Position, printPosition, readCoverage } from "@oplog-collector/collector-core";
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
  const coverage = await withLog(options, readCoverage);
  if (options.json) await printJson(jsonOf(coverage));
  else await printLine(textOf(coverage, options.name));
}

const jsonOf = ({ timelines, gaps, events, bytes, storedBytes, segments }: Coverage) => ({
  timelines: timelines.map(({ from, to, source }) => ({ from: printPosition(from), to: printPosition(to), source })),
  gaps: gaps.map(({ from, to, cause, detectedAt }) => ({
    from: printPosition(from),
    to: printPosition(to),
    cause,
    detectedAt: detectedAt.toISOString(),
  })),
  snapshots: [],
  events,
  bytes,
  storedBytes,
  segments,
});

function textOf(coverage: Coverage, name: string): string {
  const { timelines, gaps, events, bytes, storedBytes, segments } = coverage;
  const covered = timelines.map(({ from, to }) => [...ends(from, to), duration(+dateOf(to.clusterTime) - +dateOf(from.clusterTime))]);
  const missing = gaps.map(({ from, to, cause }) => [...ends(from, to), cause]);
  return [
    `${name}: ${count(events)} events in ${count(segments)} segments, ${size(bytes)} of BSON stored as ${size(storedBytes)}`,
    "",
    table(["covered from", "(after)", "to", "(inclusive)", "length"], covered),
    ...(missing.length > 0 ? ["", table(["gap from", "", "to", "", "cause"], missing)] : []),
  ].join("\n");
}

const ends = (from: Position, to: Position): string[] =>
  [from, to].map(printPosition).flatMap(({ wallTime, clusterTime }) => [wallTime, clusterTime]);
