import { redact } from "@oplog-collector/collector-core";
import { Command } from "commander";
import packageJson from "../package.json" with { type: "json" };
import { addApply } from "./commands/apply.js";
import { addClusters } from "./commands/clusters.js";
import { addCollect } from "./commands/collect.js";
import { addCompact } from "./commands/compact.js";
import { addCopy } from "./commands/copy.js";
import { addDoctor } from "./commands/doctor.js";
import { addEvents } from "./commands/events.js";
import { addExport } from "./commands/export.js";
import { addForward } from "./commands/forward.js";
import { addHold } from "./commands/hold.js";
import { addPrune } from "./commands/prune.js";
import { addRange } from "./commands/range.js";
import { addRestore } from "./commands/restore.js";
import { addSnapshot } from "./commands/snapshot.js";
import { addVerify } from "./commands/verify.js";

/** The command line as a whole: what it says about wrong usage goes to stderr, redacted, and ends in a `CommanderError`. */
export function makeProgram(): Command {
  const program = new Command("oplog")
    .description("Records every change of a MongoDB deployment into a separate, verifiable log, and reads it back.")
    .version(packageJson.version)
    .exitOverride()
    .configureOutput({ writeErr: (text) => process.stderr.write(redact(text)) })
    .showHelpAfterError("(oplog --help lists the commands, oplog COMMAND --help their options)")
    .addHelpText("after", HELP);
  for (const add of [
    addCollect,
    addRange,
    addEvents,
    addVerify,
    addDoctor,
    addSnapshot,
    addApply,
    addRestore,
    addExport,
    addCopy,
    addForward,
    addCompact,
    addPrune,
    addHold,
    addClusters,
  ])
    add(program);
  return program;
}

const HELP = `
Exit codes: 0 ok, 1 failed, 2 wrong usage, 3 outside coverage or a gap, 4 verification failed, 5 target not empty, 6 fenced or already running,
130 interrupted.`;
