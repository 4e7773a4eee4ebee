import { redact } from "./redact.js";

/**
 * `ps` shows every user of the machine what stands on a command line: where that is a password, it is overwritten as soon as we run. (It was there
 * for a moment all the same: `env:` and `file-ref:` never show it.)
 */
export function hideSecretsInProcessList(): void {
  const commandLine = process.argv.join(" ");
  const redacted = redact(commandLine);
  if (redacted !== commandLine) process.title = redacted;
}
