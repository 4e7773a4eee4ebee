import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { OplogError, redact, resolveUri } from "@oplog-collector/collector-core";
import { LOOPBACK_HOSTS, readTokens } from "@oplog-collector/http-adapter";
import { DEFAULT_LOG_ROTATION, type LogRotation } from "@oplog-collector/manager";
import { parse, YAMLParseError } from "yaml";
import { z } from "zod";

const list = z.union([
  z.array(z.string()),
  z.string().transform((text) =>
    text
      .split(",")
      .map((item) => item.trim())
      .filter(Boolean),
  ),
]);

/** What may be written, in the file, in the environment and as flags. Each has one name in each place. */
const writtenSchema = z
  .object({
    /** URI of the metadata database; without it an embedded MongoDB under `dataDir`. */
    metadataUri: z.string().min(1).optional(),
    host: z.string().min(1).default("127.0.0.1"),
    port: z.coerce.number().int().min(0).max(65_535).default(4999),
    dataDir: z.string().min(1).default("./data"),
    logDir: z.string().min(1).default("logs"),
    appLogLevel: z.string().default("info"),
    oplogLogLevel: z.string().optional(),
    /** A log file is put aside at this size, and so many of those are kept. */
    logMaxBytes: z.coerce.number().int().min(1_000).default(DEFAULT_LOG_ROTATION.maxBytes),
    logBackupCount: z.coerce.number().int().min(1).default(DEFAULT_LOG_ROTATION.backups),
    /** `name:role:token`, several separated by commas. */
    authTokens: z.string().default(""),
    /** Keys, the newest first; without it a key file under `dataDir`. */
    encryptionKey: z.string().optional(),
    runner: z.enum(["process", "in-process"]).default("process"),
    /** This server's name among those that share the metadata database. */
    node: z.string().min(1).optional(),
    /** Names under which the API may be asked for, when it is behind a name of its own. */
    allowedHosts: list.optional(),
    /** Origins of other pages that may call the API. */
    allowedOrigins: list.default([]),
    /** Hosts at which sources, stores and restore targets may be; without it any. */
    databaseHosts: list.optional(),
    /** Folders in which file stores may lie; without it any. */
    storeFolders: list.optional(),
  })
  .strict();

type Name = keyof z.input<typeof writtenSchema>;

/** Everything is decided: defaults filled in, paths absolute, references resolved. */
export interface ServerConfig extends Omit<z.output<typeof writtenSchema>, "oplogLogLevel" | "logMaxBytes" | "logBackupCount"> {
  oplogLogLevel: string;
  logRotation: LogRotation;
}

const ENVIRONMENT: Record<Name, string> = {
  metadataUri: "CENTRAL_METADATA_DB_URI",
  host: "HOST",
  port: "PORT",
  dataDir: "DATA_DIR",
  logDir: "LOG_DIR",
  appLogLevel: "APP_LOG_LEVEL",
  oplogLogLevel: "OPLOG_LOG_LEVEL",
  logMaxBytes: "LOG_MAX_BYTES",
  logBackupCount: "LOG_BACKUP_COUNT",
  authTokens: "AUTH_TOKENS",
  encryptionKey: "ENCRYPTION_KEY",
  runner: "RUNNER",
  node: "NODE_NAME",
  allowedHosts: "ALLOWED_HOSTS",
  allowedOrigins: "ALLOWED_ORIGINS",
  databaseHosts: "DATABASE_HOSTS",
  storeFolders: "STORE_FOLDERS",
};

const NAMES = Object.keys(ENVIRONMENT) as Name[];

/** `dataDir` is `--data-dir` on the command line. */
const flagOf = (name: Name): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** Secrets would be in the process list, for everyone on the machine to read. */
const NO_FLAG: readonly Name[] = ["authTokens", "encryptionKey"];

export interface Invocation {
  config: ServerConfig;
  printConfig: boolean;
  /** Put a new key before those of the key file, and end. */
  addEncryptionKey: boolean;
}

/** Flags win over the environment, the environment over the file, the file over the defaults. */
export async function readConfig(args: readonly string[], env: NodeJS.ProcessEnv): Promise<Invocation> {
  const flags = readFlags(args);
  const file = flags.config ?? env.OPLOG_CONFIG;
  const written: Record<string, unknown> = file === undefined ? {} : await readConfigFile(file);
  for (const name of NAMES) {
    const value = flags[flagOf(name)] ?? (env[ENVIRONMENT[name]] || undefined);
    if (value !== undefined) written[name] = value;
  }
  const result = writtenSchema.safeParse(written);
  if (!result.success) {
    const problems = result.error.issues.map(({ path, message }) => `${path.join(".") || "(configuration)"}: ${message}`).join("; ");
    throw new OplogError("BAD_INPUT", `The configuration can't be used: ${problems}`, { hint: "docs/server.md lists every setting." });
  }
  return {
    config: decide(result.data),
    printConfig: flags["print-config"] === "true",
    addEncryptionKey: flags["add-encryption-key"] === "true",
  };
}

function readFlags(args: readonly string[]): Record<string, string | undefined> {
  const options = Object.fromEntries(
    [...NAMES.filter((name) => !NO_FLAG.includes(name)).map(flagOf), "config"].map((flag) => [flag, { type: "string" as const }]),
  );
  try {
    const { values } = parseArgs({
      args: [...args],
      options: { ...options, "print-config": { type: "boolean" }, "add-encryption-key": { type: "boolean" } },
    });
    return Object.fromEntries(Object.entries(values).map(([flag, value]) => [flag, String(value)]));
  } catch (error) {
    throw new OplogError("BAD_INPUT", (error as Error).message.split(".")[0] ?? "Unknown flag", {
      hint: "docs/server.md lists every flag.",
    });
  }
}

async function readConfigFile(path: string): Promise<Record<string, unknown>> {
  try {
    const content: unknown = parse(await readFile(path, "utf8"));
    if (content === null || content === undefined) return {};
    if (typeof content !== "object" || Array.isArray(content)) throw new Error("it is not a list of settings");
    return { ...content };
  } catch (error) {
    throw new OplogError("BAD_INPUT", `The configuration file ${path} can't be read: ${whyNot(error)}`, {
      hint: "It is YAML: one setting a line, name: value.",
    });
  }
}

/** The parser's own words show the lines around the place, and with them tokens and keys. */
function whyNot(error: unknown): string {
  if (!(error instanceof YAMLParseError)) return redact((error as Error).message);
  const [{ line, col } = { line: 0, col: 0 }] = error.linePos ?? [];
  return `line ${line}, column ${col} is not YAML`;
}

function decide({ logMaxBytes, logBackupCount, ...written }: z.output<typeof writtenSchema>): ServerConfig {
  const loopback = LOOPBACK_HOSTS.includes(written.host) || written.host === "::1" || /^127\./.test(written.host);
  if (!loopback && written.authTokens.trim() === "")
    throw new OplogError("BAD_INPUT", `Listening on ${written.host} without a token would let anyone on the network restore and wipe`, {
      hint: "Set AUTH_TOKENS=name:admin:$(openssl rand -hex 24), or listen on 127.0.0.1.",
    });
  readTokens(written.authTokens); // refused now, not at the first request
  return {
    ...written,
    ...(written.metadataUri !== undefined && { metadataUri: resolveUri(written.metadataUri) }),
    dataDir: resolve(written.dataDir),
    logDir: resolve(written.logDir),
    oplogLogLevel: written.oplogLogLevel ?? written.appLogLevel,
    logRotation: { maxBytes: logMaxBytes, backups: logBackupCount },
    // A page on the web can point a name of its own at 127.0.0.1; only the names that a person would type are answered there.
    ...(written.allowedHosts === undefined && loopback && { allowedHosts: [...LOOPBACK_HOSTS] }),
  };
}

/** The resolved configuration without its secrets. */
export const printableConfig = (config: ServerConfig): Record<string, unknown> => ({
  ...config,
  ...(config.metadataUri !== undefined && { metadataUri: redact(config.metadataUri) }),
  authTokens: config.authTokens.trim() === "" ? "(none: loopback only)" : "(set)",
  encryptionKey: config.encryptionKey === undefined ? "(key file in dataDir)" : "(set)",
});
