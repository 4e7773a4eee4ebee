import { OplogError, type Verification, verifyLog } from "@oplog-collector/collector-core";
import type { Command } from "commander";
import { count, size } from "../amounts.js";
import { type LogOptions, nameOption, storeOption, withLog } from "../open-log.js";
import { printJson, printLine } from "../print.js";
import { progressLine } from "../progress-line.js";

interface VerifyOptions extends LogOptions {
  json?: boolean;
}

export const addVerify = (program: Command): void => {
  program
    .command("verify")
    .summary("proves that a log is what was written")
    .description(
      "Reads a whole log and recomputes every hash, the chain of segments, their numbers, positions and counts. Exits with 4 at the first segment that is not what was written.",
    )
    .addOption(storeOption())
    .addOption(nameOption())
    .option("--json", "print one JSON document")
    .addHelpText("after", "\nExample:\n  $ oplog verify --store file:///var/lib/oplog --name shop")
    .action(verify);
};

async function verify(options: VerifyOptions): Promise<void> {
  const line = progressLine();
  const told = ({ segments, bytes }: Verification) => line.show(`verified ${count(segments)} segments, ${size(bytes)}`);
  const result = await withLog(options, (store) => verifyLog(store, options.name, told)).finally(() => line.clear());
  if (options.json) await printJson(result);
  else if (result.ok) await printLine(`${options.name}: ok: ${soundPart(result)}`);
  if (result.bad) throw damaged(options.name, result);
}

const soundPart = ({ segments, events, bytes, unread }: Verification): string =>
  `${count(segments)} segments, ${count(events)} events, ${size(bytes)} of BSON${
    unread > 0
      ? `. ${count(unread)} segments are encrypted and no key was given: of them the hashes and the chain were checked, not the events`
      : ""
  }`;

function damaged(name: string, { bad, ...sound }: Verification): OplogError {
  // Some problems say already which segment they are about.
  const problem = /^segment /i.test(bad!.problem) ? bad!.problem : `Segment ${bad!.segment} ${bad!.problem}`;
  return new OplogError("DAMAGED", `The log ${name} is damaged. ${problem}. Before it: ${soundPart({ bad, ...sound })}, all as written`, {
    hint: "Restore the store from its own backup, or restore to a time before this segment (range tells which time that is).",
  });
}
