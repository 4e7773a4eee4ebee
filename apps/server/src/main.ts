/** `npm start`: the only place that reads arguments and environment, prints, and exits. */

import { join } from "node:path";
import { describeError, hideSecretsInProcessList, isOplogError, OplogError } from "@oplog-collector/collector-core";
import { addKeyToFile, openLog, SecretBox } from "@oplog-collector/manager";
import { printableConfig, readConfig, type ServerConfig } from "./config.js";
import { keyFileOf, startServer } from "./server.js";

/** A stop in order takes less; whatever hangs is left, as after a crash, which loses nothing that is durable. */
const STOP_PATIENCE_MS = 9_500;

/** As the command line has them: wrong usage, any other failure, a second signal from someone who can't wait. */
const EXIT = { wrongUsage: 2, failed: 1, interrupted: 130 };

hideSecretsInProcessList();

async function main(): Promise<number> {
  const { config, printConfig, addEncryptionKey } = await readConfig(process.argv.slice(2), process.env);
  if (printConfig) {
    console.log(JSON.stringify(printableConfig(config), null, 2));
    return 0;
  }
  if (addEncryptionKey) {
    await addKey(config);
    return 0;
  }
  const log = openLog(join(config.logDir, "app.log"), config.appLogLevel, config.logRotation);
  try {
    const server = await startServer(config, log.logger);
    console.error(`Oplog Collector listens on ${server.url}; its log is ${join(config.logDir, "app.log")}. Ctrl-C stops it.`);
    await firstSignal();
    console.error("Stopping: collectors seal and store what they have.");
    const patience = new Promise<"late">((resolve) => setTimeout(() => resolve("late"), STOP_PATIENCE_MS).unref());
    if ((await Promise.race([server.stop(), patience])) === "late")
      console.error("Not everything ended in time; it goes on at the next start from what is stored.");
    return 0;
  } finally {
    await log.close();
  }
}

/** The running server does not know of it before its next start, so nothing is encrypted with it yet. */
async function addKey(config: ServerConfig): Promise<void> {
  if (config.encryptionKey !== undefined)
    throw new OplogError("BAD_INPUT", "The keys are in ENCRYPTION_KEY, not in a file", {
      hint: "Make one with `openssl rand -hex 32` and put it before the others, with a comma between.",
    });
  const file = keyFileOf(config);
  await SecretBox.fromKeyFile(file); // makes the first one where there is none, and refuses what is no key
  await addKeyToFile(file);
  console.error(`A new key is the first in ${file}. Start the server again, then: oplog clusters rotate-key`);
}

/** The first one asks for an end in order, a second one ends it at once: what is not stored yet is read again at the next start. */
const firstSignal = (): Promise<void> =>
  new Promise((resolve) => {
    let asked = false;
    const onSignal = () => {
      if (asked) process.exit(EXIT.interrupted);
      asked = true;
      resolve();
    };
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, onSignal);
  });

main().then(
  (code) => process.exit(code),
  (error) => {
    const { message, hint } = describeError(error);
    console.error(hint ? `${message.replace(/\.$/, "")}. ${hint}` : message);
    process.exit(isOplogError(error, "BAD_INPUT") ? EXIT.wrongUsage : EXIT.failed);
  },
);
