import { OplogError, openStore, refusal } from "@oplog-collector/collector-core";
import { type CopyReport, copy as copyLog } from "@oplog-collector/restore";
import type { Command } from "commander";
import { count, duration, size } from "../amounts.js";
import { closing } from "../closing.js";
import { EXIT } from "../exit-code.js";
import { type LogOptions, nameOption, storeOption, withLog } from "../open-log.js";
import { printJson, printLine, tell } from "../print.js";
import { progressLine } from "../progress-line.js";
import { stopSignal } from "../stop-signal.js";

interface CopyOptions extends LogOptions {
  to: string;
  json?: boolean;
}

export const addCopy = (program: Command): void => {
  program
    .command("copy")
    .summary("copies a log to another store")
    .description(
      "Copies a log with its base snapshots to another store of any kind, byte for byte; each segment's hash and its place in the chain are checked before it is stored. A collector may go on writing the log: the copy ends when it has caught up. Run again it goes on where it ended, however it ended. To move a log: stop the collector, copy, start it on the new store.",
    )
    .addOption(storeOption())
    .requiredOption("--to <uri>", "where the copy goes: the URI of a store, or env:NAME, file-ref:PATH")
    .addOption(nameOption())
    .option("--json", "print one JSON document")
    .addHelpText("after", "\nExample:\n  $ oplog copy --store file:///var/lib/oplog --to env:SECOND_SITE --name shop")
    .action(copy);
};

async function copy(options: CopyOptions): Promise<void> {
  if (options.store === options.to)
    throw new OplogError("BAD_INPUT", "The copy would go to where the log is", { hint: "Name another store in --to." });
  using stop = stopSignal();
  const line = progressLine();
  const started = Date.now();
  await using target = closing(await openStore(options.to).catch((error) => Promise.reject(refusal("store", error))));
  const report = await withLog(options, (_, location) =>
    copyLog(location, target, options.name, {
      signal: stop.signal,
      onProgress: ({ segments, storedBytes }) => line.show(`copied ${count(segments)} segments, ${size(storedBytes)}`),
    }),
  ).finally(() => line.clear());
  if (options.json) await printJson(report);
  else await printLine(textOf(options.name, report, Date.now() - started));
  if (report.caughtUp) return;
  tell("oplog: interrupted. What is copied stays: run copy again to go on.");
  process.exitCode = EXIT.interrupted;
}

const textOf = (name: string, { segments, storedBytes, snapshots, upToSegment, caughtUp }: CopyReport, ms: number): string =>
  `${name}: copied ${count(segments)} segments, ${size(storedBytes)}, in ${duration(ms)}${
    caughtUp ? `; the copy has all up to segment ${count(upToSegment)}, and ${count(snapshots)} snapshots` : ""
  }`;
