import {
  OplogError,
  parseTime,
  readCoverage,
  resolveRange,
  resolveTime,
  resolveUri,
  type Store,
  type Time,
} from "@oplog-collector/collector-core";
import {
  type ApplyOptions,
  type ApplyProgress,
  type ApplyReport,
  apply,
  copyFilter,
  type Plan,
  planOf,
  wholeTransactions,
} from "@oplog-collector/restore";
import type { Command } from "commander";
import { count, duration, size } from "../amounts.js";
import { interruptible } from "../interruptible.js";
import { type LogOptions, nameOption, storeOption, withLog } from "../open-log.js";
import { table } from "../table.js";
import { addTargetOptions, linesOfApply, routingOf, TARGET_INCOMPLETE, type TargetOptions, TIME_HELP } from "../target-options.js";

interface ApplyCommandOptions extends LogOptions, TargetOptions {
  from: Time;
  to: Time;
  copiedUntil?: Time;
  resume?: boolean;
  dryRun?: boolean;
  json?: boolean;
}

export const addApply = (program: Command): void => {
  const command = program
    .command("apply")
    .summary("applies a range of a log to a deployment")
    .description(
      "Applies the events after --from, up to and including --to, to the target, which must hold what the source held at --from. The range is verified before anything is applied; transactions are applied whole; while it runs, the target's TTL monitor is off.",
    )
    .addOption(storeOption())
    .addOption(nameOption())
    .requiredOption("--from <time>", "after this moment (exclusive)", parseTime)
    .requiredOption("--to <time>", "up to this moment (inclusive)", parseTime);
  addTargetOptions(command, { target: "the deployment to apply to", users: "users and roles too, where the log has them (the raw oplog)" })
    .option(
      "--copied-until <time>",
      "the target is a copy (mongodump) that was read between --from and this moment, while its source was written to",
      parseTime,
    )
    .option("--resume", "go on with an apply that was interrupted, with the same options")
    .option("--dry-run", "print the plan and apply nothing")
    .option("--json", "print one JSON document")
    .addHelpText("after", HELP)
    .action(applyCommand);
};

const HELP = `
${TIME_HELP}
Exits with 3 when the log does not cover the range, 4 when a segment is damaged (nothing is applied then), 6 when another apply is running.

Examples:
  $ oplog apply --store env:STORE --name shop --from 1795356000,1 --to 2026-11-22T14:05:24.269Z --target mongodb://127.0.0.1:27018 --dry-run
  $ oplog apply --store env:STORE --name shop --from 1795356000,1 --to now --target env:TARGET --ns 'shop.*' --rename shop=shop_copy`;

const applyCommand = (options: ApplyCommandOptions): Promise<void> =>
  interruptible({ json: options.json, interrupted: TARGET_INCOMPLETE }, ({ signal, show }) =>
    withLog(options, async (store) => {
      const started = Date.now();
      const onProgress = (progress: ApplyProgress) => show(`apply: ${textOfProgress(progress, Date.now() - started)}`);
      const request: ApplyOptions = { ...(await requestOf(options, store)), signal, onProgress };
      if (options.dryRun) {
        const plan = await planOf(request);
        return { json: { plan }, text: textOfPlan(plan) };
      }
      const report = await apply(request);
      return { json: report, text: textOfReport(report) };
    }),
  );

async function requestOf(options: ApplyCommandOptions, store: Store): Promise<ApplyOptions> {
  const coverage = await readCoverage(store);
  const range = await resolveRange({ from: options.from, to: options.to }, store, coverage);
  const whole = await wholeTransactions(store, range);
  const copied = options.copiedUntil && (await resolveTime(options.copiedUntil, store, coverage));
  if (copied !== undefined && whole.to < copied)
    throw new OplogError(
      "BAD_INPUT",
      `--to ${options.to.text} is before --copied-until ${options.copiedUntil!.text}: the copy holds later changes already`,
      {
        hint: "Choose a time after the copy was read.",
      },
    );
  return {
    ...whole,
    ...(copied !== undefined && { base: await copyFilter(store, whole.after, copied) }),
    store,
    log: options.name,
    target: resolveUri(options.target),
    lanes: options.lanes,
    ...routingOf(options),
    resume: options.resume,
  };
}

/** Before this the rate says little, so no time left is guessed. */
const SETTLED_MS = 2_000;

function textOfProgress(progress: ApplyProgress, ms: number): string {
  switch (progress.phase) {
    case "verifying":
      return `verified ${count(progress.segments)} of ${count(progress.segmentsInAll)} segments`;
    case "waiting":
      return `waiting for the target: ${progress.reason}`;
    case "applying": {
      const { events, eventsInAll } = progress;
      const rate = ms > 0 ? (events * 1000) / ms : 0;
      const left = ms >= SETTLED_MS && rate > 0 && eventsInAll > events ? `, ${duration(((eventsInAll - events) * 1000) / rate)} left` : "";
      const percent = eventsInAll > 0 ? Math.floor(Math.min(1, events / eventsInAll) * 100) : 100;
      return `${percent} %: ${count(events)} of ${count(eventsInAll)} events, ${count(Math.round(rate))}/s${left}`;
    }
  }
}

function textOfPlan({ from, to, segments, target, lanes, filters, renames, skipped, notes }: Plan): string {
  return [
    `Apply the events after ${from}, up to ${to}: up to ${count(segments.events)} events (${size(segments.bytes)}) in ${count(segments.count)} segments, onto ${target} in ${lanes} lanes.`,
    ...(filters.ns.length > 0 ? [`Only ${filters.ns.join(", ")}.`] : []),
    ...(filters.excludeNs.length > 0 ? [`Without ${filters.excludeNs.join(", ")}.`] : []),
    ...(renames.length > 0 ? [`Renamed: ${renames.join(", ")}.`] : []),
    ...(skipped.length > 0
      ? [
          "",
          table(
            ["left out", "operation", "events", "why"],
            skipped.map(({ namespace, operation, events, why }) => [namespace, operation, count(events), why]),
          ),
        ]
      : []),
    ...notes.map((note) => `\n${note}`),
  ].join("\n");
}

function textOfReport(report: ApplyReport): string {
  const { events, durationMs, eventsPerSecond } = report;
  return [`Events applied: ${count(events)} in ${duration(durationMs)}, ${count(eventsPerSecond)}/s`, ...linesOfApply(report)].join("\n");
}
