import { OplogError } from "@oplog-collector/collector-core";
import { readHold, writeHold } from "@oplog-collector/restore";
import type { Command } from "commander";
import { type LogOptions, nameOption, storeOption, withLog } from "../open-log.js";
import { printJson, printLine } from "../print.js";

interface HoldOptions extends LogOptions {
  reason?: string;
  release?: boolean;
  json?: boolean;
}

export const addHold = (program: Command): void => {
  program
    .command("hold")
    .summary("keeps everything of a log, whatever retention says")
    .description(
      "Puts a log under a legal hold, or releases it: while it lasts nothing of the log or its snapshots is removed, by retention, prune, reset or de-registration. Without --reason: shows the hold. Each setting and release is kept in the store.",
    )
    .addOption(storeOption())
    .addOption(nameOption())
    .option("--reason <text>", "why; sets the hold, or with --release ends it")
    .option("--release", "ends the hold")
    .option("--json", "print one JSON document")
    .addHelpText("after", '\nExample:\n  $ oplog hold --store file:///var/lib/oplog --name shop --reason "case 4711"')
    .action(hold);
};

async function hold({ reason, release = false, ...options }: HoldOptions): Promise<void> {
  if (release && !reason) throw new OplogError("BAD_INPUT", "A release needs a reason", { hint: 'Give --reason "…": it is kept.' });
  const held = await withLog(options, async (_, location) => {
    const before = await readHold(location, options.name);
    if (release && !before) throw new OplogError("CONFLICT", `The log ${options.name} is under no legal hold`);
    if (reason) await writeHold(location, options.name, release ? "release" : "hold", reason);
    return readHold(location, options.name);
  });
  if (options.json) await printJson({ held: held && { ...held, at: held.at.toISOString() } });
  else
    await printLine(
      held
        ? `${options.name}: under a legal hold since ${held.at.toISOString()} (${held.by}): ${held.reason}`
        : `${options.name}: under no legal hold`,
    );
}
