import { checkLogName, parseTime, readCoverage, resolveTime, resolveUri, type Time } from "@oplog-collector/collector-core";
import {
  type ApplyReport,
  DEFAULT_LANES,
  planRestore,
  type RestoreOptions,
  type RestorePlan,
  type RestoreProgress,
  type RestoreReport,
  restore,
} from "@oplog-collector/restore";
import { type Command, InvalidArgumentError } from "commander";
import { count, duration } from "../amounts.js";
import { EXIT } from "../exit-code.js";
import { type LogOptions, nameOption, storeOption, withLog } from "../open-log.js";
import { printJson, printLine, tell } from "../print.js";
import { progressBar } from "../progress-bar.js";
import { progressLine } from "../progress-line.js";
import { stopSignal } from "../stop-signal.js";
import { table } from "../table.js";

interface RestoreCommandOptions extends LogOptions {
  to: Time;
  target: string;
  ns?: string[];
  excludeNs?: string[];
  rename?: string[];
  lanes: number;
  users?: boolean;
  force?: boolean;
  resume?: boolean;
  dryRun?: boolean;
  json?: boolean;
}

export const addRestore = (program: Command): void => {
  program
    .command("restore")
    .summary("puts a deployment into the state of a moment")
    .description(
      "Loads the newest base snapshot before --to into the target, then applies the log up to --to: after that the target holds what the source held at that moment. The snapshot and the log are verified before anything is written.",
    )
    .addOption(storeOption())
    .addOption(nameOption())
    .requiredOption("--to <time>", "the moment (inclusive)", parseTime)
    .requiredOption("--target <uri>", "the deployment to restore to, or env:NAME, file-ref:PATH")
    .option("--ns <glob...>", 'only these namespaces: "shop.orders", "shop.*"')
    .option("--exclude-ns <glob...>", "not these namespaces")
    .option(
      "--rename <a=b...>",
      'another name on the target: "shop=shop_old" for a database, "shop.orders=shop.orders_old" for a collection',
    )
    .option("--lanes <n>", "writes in parallel", parseLanes, DEFAULT_LANES)
    .option("--users", "users and roles too, as of the snapshot; those of the target that have other names stay")
    .option("--force", "restore into a target that holds data: what has the name of something restored is dropped first, the rest stays")
    .option("--resume", "go on with a restore that was interrupted, with the same options; begin when there is none")
    .option("--dry-run", "print the plan and restore nothing")
    .option("--json", "print one JSON document")
    .addHelpText("after", HELP)
    .action(restoreCommand);
};

const HELP = `
TIME is ISO-8601 ("2026-11-22T14:05:24.269Z"), a cluster time ("1795356656,17"), a resume token, or "now" (the end of what is covered).
Exits with 3 when no snapshot and log reach that moment, 4 when something stored is damaged (nothing is written then), 5 when the target holds
user data and --force is not given.

Examples:
  $ oplog restore --store env:STORE --name shop --to 2026-11-22T14:05:24.269Z --target mongodb://127.0.0.1:27018 --dry-run
  $ oplog restore --store env:STORE --name shop --to 1795356656,17 --target env:TARGET --ns 'shop.*' --rename shop=shop_restored`;

async function restoreCommand(options: RestoreCommandOptions): Promise<void> {
  checkLogName(options.name);
  using stop = stopSignal();
  const line = progressLine();
  const started = Date.now();
  try {
    await withLog(options, async (store, location) => {
      const to = await resolveTime(options.to, store, await readCoverage(store));
      const request: RestoreOptions = {
        location,
        log: options.name,
        target: resolveUri(options.target),
        to,
        lanes: options.lanes,
        ns: options.ns,
        excludeNs: options.excludeNs,
        renames: options.rename,
        users: options.users,
        force: options.force,
        resume: options.resume,
        signal: stop.signal,
        onProgress: (progress) => line.show(`restore: ${textOfProgress(progress, Date.now() - started)}`),
      };
      if (options.dryRun) {
        const plan = await planRestore(request);
        return options.json ? printJson({ plan }) : printLine(textOfPlan(plan));
      }
      const report = await restore(request);
      line.clear();
      return options.json ? printJson(report) : printLine(textOfReport(report));
    });
  } catch (error) {
    line.clear();
    if (!stop.signal.aborted) throw error;
    tell("oplog: interrupted; the target is incomplete. Run the same command with --resume to go on.");
    process.exitCode = EXIT.interrupted;
  }
}

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
    ...(apply ? textOfApply(apply) : ["The log had been applied before the interruption."]),
    ...(users > 0 ? [`Users and roles: ${count(users)}, as of the snapshot.`] : []),
    ...notes,
  ].join("\n");
}

function textOfApply({ lastApplied, firstNotApplied, events, cutTransactions, notes }: ApplyReport): string[] {
  return [
    `Events applied: ${count(events)}; the last one: ${lastApplied ? `${lastApplied.clusterTime} (${lastApplied.wallTime})` : "none after the snapshot"}`,
    `First event not applied: ${firstNotApplied ? `${firstNotApplied.clusterTime} (${firstNotApplied.wallTime})` : "none, the log ends here"}`,
    ...(cutTransactions.count > 0
      ? [`The filter cut ${count(cutTransactions.count)} transactions: only a part of each was restored.`]
      : []),
    ...notes,
  ];
}

function parseLanes(text: string): number {
  if (!/^[1-9]\d{0,2}$/.test(text)) throw new InvalidArgumentError("It is not a whole number from 1 to 999.");
  return Number(text);
}
