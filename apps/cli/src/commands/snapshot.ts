import { checkLogName, formatClusterTime, openStore, resolveUri } from "@oplog-collector/collector-core";
import { type LookedAtUsers, lookAtUsers, type SnapshotProgress, type TakenSnapshot, takeSnapshot } from "@oplog-collector/restore";
import { type Command, InvalidArgumentError } from "commander";
import { count, duration, size } from "../amounts.js";
import { closing } from "../closing.js";
import { interruptible } from "../interruptible.js";
import { type LogOptions, nameOption, storeOption } from "../open-log.js";
import { progressBar } from "../progress-bar.js";

interface SnapshotOptions extends LogOptions {
  source: string;
  readers?: number;
  wait?: number;
  usersOnly?: boolean;
  json?: boolean;
}

export const addSnapshot = (program: Command): void => {
  program
    .command("snapshot")
    .summary("takes a base snapshot into the store")
    .description(
      "Copies all data of a deployment into the store of its log, without stopping writes: collections, options, indexes, views, and users and roles where they may be read. From the time it prints on, the log can be restored to any moment. A collector must record the deployment at the same time. Interrupted, it goes on where it was when it is run again.",
    )
    .requiredOption("--source <uri>", "the deployment that the log records: mongodb://…, or env:NAME, file-ref:PATH")
    .addOption(storeOption())
    .addOption(nameOption())
    .option("--readers <n>", "collections read at a time (3)", parseCount)
    .option("--wait <seconds>", "how long to wait for the collector to record what the snapshot needs (60)", parseCount)
    .option("--users-only", "record only users and roles, where they have changed, for a log that does not show their changes")
    .option("--json", "print one JSON document")
    .addHelpText("after", HELP)
    .action(snapshot);
};

const HELP = `
Exits with 3 when the log does not cover the time of the snapshot: no collector runs, or there was a gap meanwhile.

With --users-only, which takes milliseconds, a restore with --users has them as they were recorded last before its moment. Servers do it every
ten minutes for clusters that need it.

Example:
  $ oplog snapshot --source env:SOURCE --store file:///var/lib/oplog --name shop`;

const snapshot = (options: SnapshotOptions): Promise<void> =>
  interruptible(
    { json: options.json, interrupted: ". What is finished is kept: run snapshot again to go on." },
    async ({ signal, show }) => {
      checkLogName(options.name);
      await using location = closing(await openStore(options.store));
      if (options.usersOnly) {
        const looked = await lookAtUsers({ source: resolveUri(options.source), location, log: options.name });
        return { json: { ...looked, at: formatClusterTime(looked.at) }, text: textOfUsers(options.name, looked) };
      }
      const started = Date.now();
      const taken = await takeSnapshot({
        source: resolveUri(options.source),
        location,
        log: options.name,
        readers: options.readers,
        ...(options.wait !== undefined && { coverageWaitMs: options.wait * 1000 }),
        signal,
        onProgress: (progress) => show(textOfProgress(progress, Date.now() - started)),
      });
      return { json: jsonOf(taken), text: textOf(options.name, taken, Date.now() - started) };
    },
  );

const jsonOf = ({ takenFrom, restorableFrom, ...taken }: TakenSnapshot) => ({
  ...taken,
  takenFrom: formatClusterTime(takenFrom),
  restorableFrom: formatClusterTime(restorableFrom),
});

function textOf(log: string, { id, restorableFrom, notes, resumed, ...taken }: TakenSnapshot, ms: number): string {
  const { collections, documents, bytes, storedBytes } = taken;
  return [
    `${log}: snapshot ${id}${resumed ? " (continued)" : ""}: ${count(documents)} documents of ${count(collections)} collections, ${size(bytes)} of BSON stored as ${size(storedBytes)} in ${duration(ms)}`,
    `The log can be restored from ${formatClusterTime(restorableFrom)} on.`,
    ...notes,
  ].join("\n");
}

const textOfUsers = (log: string, { at, users, roles, changed }: LookedAtUsers): string =>
  `${log}: ${count(users)} users and ${count(roles)} roles at ${formatClusterTime(at)}, ${changed ? "recorded" : "as they were recorded before"}`;

function textOfProgress({ phase, collections, collectionsInAll, documents, bytes, bytesInAll }: SnapshotProgress, ms: number): string {
  if (phase !== "reading") return `snapshot: ${phase}: ${count(documents)} documents, ${size(bytes)}`;
  const done = `${count(collections)} of ${count(collectionsInAll)} collections, ${count(documents)} documents`;
  return `snapshot ${progressBar(bytes, bytesInAll, ms)}  ${done}`;
}

function parseCount(text: string): number {
  if (!/^\d{1,9}$/.test(text) || Number(text) === 0) throw new InvalidArgumentError("It is not a whole number above 0.");
  return Number(text);
}
