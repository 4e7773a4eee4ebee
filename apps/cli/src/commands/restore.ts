import { checkLogName, parseTime, resolveUri, type Time } from "@oplog-collector/collector-core";
import {
  planRestore,
  type RestoreOptions,
  type RestorePlan,
  type RestoreProgress,
  type RestoreReport,
  restore,
  wholeMoment,
} from "@oplog-collector/restore";
import type { Command } from "commander";
import { count, duration } from "../amounts.js";
import { interruptible } from "../interruptible.js";
import { type LogOptions, nameOption, storeOption, withLog } from "../open-log.js";
import { progressBar } from "../progress-bar.js";
import { table } from "../table.js";
import { addTargetOptions, linesOfApply, routingOf, TARGET_INCOMPLETE, type TargetOptions, TIME_HELP } from "../target-options.js";

interface RestoreCommandOptions extends LogOptions, TargetOptions {
  to: Time;
  force?: boolean;
  resume?: boolean;
  dryRun?: boolean;
  json?: boolean;
}

export const addRestore = (program: Command): void => {
  const command = program
    .command("restore")
    .summary("puts a deployment into the state of a moment")
    .description(
      "Loads the newest base snapshot before --to into the target, then applies the log up to --to: after that the target holds what the source held at that moment. The snapshot and the log are verified before anything is written; a transaction is restored whole or not at all.",
    )
    .addOption(storeOption())
    .addOption(nameOption())
    .requiredOption("--to <time>", "the moment (inclusive)", parseTime);
  addTargetOptions(command, {
    target: "the deployment to restore to",
    users: "users and roles too, whatever --ns says; those of the target that have other names stay",
  })
    .option("--force", "restore into a target that holds data: what has the name of something restored is dropped first, the rest stays")
    .option("--resume", "go on with a restore that was interrupted, with the same options; begin when there is none")
    .option("--dry-run", "print the plan and restore nothing")
    .option("--json", "print one JSON document")
    .addHelpText("after", HELP)
    .action(restoreCommand);
};

const HELP = `
${TIME_HELP}
Exits with 3 when no snapshot and log reach that moment, 4 when something stored is damaged (nothing is written then), 5 when the target holds
user data and --force is not given.

Examples:
  $ oplog restore --store env:STORE --name shop --to 2026-11-22T14:05:24.269Z --target mongodb://127.0.0.1:27018 --dry-run
  $ oplog restore --store env:STORE --name shop --to 1795356656,17 --target env:TARGET --ns 'shop.*' --rename shop=shop_restored`;

const restoreCommand = (options: RestoreCommandOptions): Promise<void> =>
  interruptible({ json: options.json, interrupted: TARGET_INCOMPLETE }, ({ signal, show }) => {
    checkLogName(options.name);
    return withLog(options, async (store, location) => {
      const started = Date.now();
      const request: RestoreOptions = {
        location,
        log: options.name,
        target: resolveUri(options.target),
        ...(await wholeMoment(store, options.to)),
        lanes: options.lanes,
        ...routingOf(options),
        force: options.force,
        resume: options.resume,
        signal,
        onProgress: (progress) => show(`restore: ${textOfProgress(progress, Date.now() - started)}`),
      };
      if (options.dryRun) {
        const plan = await planRestore(request);
        return { json: { plan }, text: textOfPlan(plan) };
      }
      const report = await restore(request);
      return { json: report, text: textOfReport(report) };
    });
  });

function textOfProgress(progress: RestoreProgress, ms: number): string {
  switch (progress.phase) {
    case "loading":
      return `${progressBar(progress.bytes, progress.bytesInAll, ms)}  ${count(progress.documents)} documents`;
    case "building indexes":
      return `${progress.phase}: ${count(progress.collections)} of ${count(progress.collectionsInAll)} collections`;
    case "applying":
      return `applying the log: ${count(progress.events)} of ${count(progress.eventsInAll)} events`;
    case "waiting":
      return `waiting for the target: ${progress.reason}`;
    default:
      return `${progress.phase}: ${count(progress.segments)} segments`;
  }
}

function textOfPlan({ snapshot, collections, leftOut, drop, users, apply, notes }: RestorePlan): string {
  return [
    `Load snapshot ${snapshot.id} (restorable from ${snapshot.restorableFrom}), then apply the log up to ${apply.to}:`,
    `${count(apply.segments.count)} segments, ${count(apply.segments.events)} events, onto ${apply.target} in ${apply.lanes} lanes.`,
    "",
    table(
      ["collection", "on the target", "documents"],
      collections.map(({ namespace, target, documents }) => [namespace, target, count(documents)]),
    ),
    ...(drop.length > 0 ? ["", `Dropped on the target first (only with --force): ${drop.join(", ")}`] : []),
    ...(leftOut.length > 0
      ? [
          "",
          table(
            ["left out", "why"],
            leftOut.map(({ namespace, why }) => [namespace, why]),
          ),
        ]
      : []),
    ...(users ? ["", "Users and roles are restored as of the snapshot."] : []),
    ...[...notes, ...apply.notes].map((note) => `\n${note}`),
  ].join("\n");
}

function textOfReport({ snapshot, collections, documents, users, apply, durationMs, notes }: RestoreReport): string {
  return [
    `Restored ${count(documents)} documents of ${count(collections)} collections from snapshot ${snapshot} in ${duration(durationMs)}.`,
    ...(apply ? [`Events applied: ${count(apply.events)}`, ...linesOfApply(apply)] : ["The log had been applied before the interruption."]),
    ...(users > 0 ? [`Users and roles: ${count(users)}, as of the snapshot.`] : []),
    ...notes,
  ].join("\n");
}
