import { describeError, hideSecretsInProcessList } from "@oplog-collector/collector-core";
import { CommanderError } from "commander";
import { EXIT, exitCodeOf } from "./exit-code.js";
import { tell } from "./print.js";
import { makeProgram } from "./program.js";

hideSecretsInProcessList();

try {
  await makeProgram().parseAsync();
} catch (error) {
  process.exitCode = report(error);
}

/** Says once what went wrong, and answers how the process is to end. */
function report(error: unknown): number {
  // Commander has said it already; help and version that were asked for come here as well.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.wrongUsage;
  const { message, hint } = describeError(error);
  tell(`oplog: ${message.replace(/\.$/, "")}.${hint ? `\n${hint}` : ""}`);
  return exitCodeOf(error);
}
