import { parseTime, readCoverage, resolveRange, type Time } from "@oplog-collector/collector-core";
import { type ExportFormat, exportLog, wholeTransactions } from "@oplog-collector/restore";
import { type Command, Option } from "commander";
import { count, size } from "../amounts.js";
import { interruptible } from "../interruptible.js";
import { type LogOptions, nameOption, storeOption, withLog } from "../open-log.js";

interface ExportCommandOptions extends LogOptions {
  from: Time;
  to: Time;
  format: ExportFormat;
  out: string;
  json?: boolean;
}

export const addExport = (program: Command): void => {
  program
    .command("export")
    .summary("writes a range of a log for other tools")
    .description("Writes the events after --from, up to and including --to, into a file for other tools.")
    .addOption(storeOption())
    .addOption(nameOption())
    .requiredOption("--from <time>", "after this moment (exclusive)", parseTime)
    .requiredOption("--to <time>", "up to this moment (inclusive)", parseTime)
    .addOption(
      new Option("--format <format>", "oplog-bson: for mongorestore --oplogReplay; jsonl: canonical Extended JSON, one event a line")
        .choices(["oplog-bson", "jsonl"])
        .makeOptionMandatory(),
    )
    .requiredOption("--out <path>", "the file to write")
    .option("--json", "print one JSON document about what was written")
    .addHelpText("after", HELP)
    .action(exportCommand);
};

const HELP = `
mongorestore takes a folder that holds nothing but the file oplog.bson.

Examples:
  $ oplog export --store env:STORE --name shop --from 1795356000,1 --to now --format oplog-bson --out dump/oplog.bson
  $ mongorestore --oplogReplay dump/`;

const exportCommand = (options: ExportCommandOptions): Promise<void> =>
  interruptible({ json: options.json, interrupted: "; nothing was written." }, ({ signal, show }) =>
    withLog(options, async (store) => {
      const range = await resolveRange({ from: options.from, to: options.to }, store, await readCoverage(store));
      const { after, to, notes } = await wholeTransactions(store, range);
      const { format, out } = options;
      const onProgress = (events: number) => show(`export: ${count(events)} events`);
      const report = await exportLog({ store, after, to, format, out, signal, onProgress });
      report.notes.push(...notes);
      const text = `${out}: ${count(report.events)} events, ${count(report.entries)} entries, ${size(report.bytes)}`;
      return { json: report, text: [text, ...report.notes].join("\n") };
    }),
  );
