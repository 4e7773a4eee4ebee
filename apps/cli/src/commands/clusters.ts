import { createInterface } from "node:readline/promises";
import { OplogError, resolveUri } from "@oplog-collector/collector-core";
import { type Command, Option } from "commander";
import { count, duration, size } from "../amounts.js";
import { printJson, printLine, tell } from "../print.js";
import { DEFAULT_SERVER, ServerClient } from "../server-client.js";
import { table } from "../table.js";

interface ServerOptions {
  server: string;
  token?: string;
  json?: boolean;
}

/** Of what the API says of a cluster, what is shown here. */
interface Cluster {
  id: string;
  name: string;
  state: string;
  desired: string;
  connectionString: string;
  storeUri: string;
  database: string | null;
  node: string | null;
  pid: number | null;
  lagMs: number | null;
  headroomMs: number | null;
  firstEventAt: string | null;
  lastEventAt: string | null;
  storedBytes: number | null;
  events: number;
  error: { message: string; hint?: string } | null;
  notes: string[];
}

interface AddOptions extends ServerOptions {
  source: string;
  store: string;
  database?: string;
  capture?: string;
  from?: string;
  rpo?: number;
  autoStart: boolean;
}

export const addClusters = (program: Command): void => {
  const clusters = program
    .command("clusters")
    .summary("asks a server: list, add, show, start, stop, reset, remove, rotate-key")
    .description("What the dashboard does, from a shell: it asks the API of a running server.")
    .addHelpText("after", HELP);
  const sub = (usage: string, summary: string) =>
    clusters
      .command(usage)
      .summary(summary)
      .description(`${summary[0]?.toUpperCase()}${summary.slice(1)}.`)
      .addOption(new Option("--server <url>", "the server").default(DEFAULT_SERVER).env("OPLOG_SERVER"))
      .addOption(new Option("--token <token>", "its bearer token, or env:NAME, file-ref:PATH").env("OPLOG_TOKEN"))
      .option("--json", "print one JSON document");
  sub("list", "lists the clusters").action(list);
  sub("show <name>", "shows one cluster").action(show);
  sub("add <name>", "registers a cluster and starts its collector")
    .requiredOption("--source <uri>", "the deployment to record: mongodb://…, or env:NAME, file-ref:PATH")
    .requiredOption("--store <uri>", "where its log goes: mongodb://…, file:///dir, s3://bucket/prefix, or a reference")
    .option("--database <name>", "only this database")
    .option("--capture <how>", "auto, change-stream or oplog")
    .option("--from <time>", "where the log begins: now, oldest or a time")
    .option("--rpo <ms>", "seal what was read at least this often", Number)
    .option("--no-auto-start", "register only")
    .action(add);
  sub("start <name>", "starts its collector").option("--accept-gap", "go on over a hole that can't be filled any more").action(start);
  sub("stop <name>", "stops its collector").action((name: string, options: ServerOptions) =>
    post(name, "stop", "It is being stopped", options),
  );
  sub("reset <name>", "wipes its log and starts from now").option("--yes", "do not ask").action(reset);
  sub("remove <name>", "stops it, wipes its log and de-registers it")
    .option("--keep-data", "leave the log where it is")
    .option("--yes", "do not ask")
    .action(remove);
  sub("rotate-key", "encrypts all registered URIs with the server's newest key").action(rotateKey);
};

const HELP = `
Examples:
  $ oplog clusters add shop --source env:SHOP_URI --store file:///var/lib/oplog
  $ oplog clusters list --server https://oplog.example.com --token env:OPLOG_TOKEN`;

const clientOf = ({ server, token }: ServerOptions): ServerClient => new ServerClient(server, token);
const pathOf = (name: string): string => `/clusters/${encodeURIComponent(name)}`;

async function list(options: ServerOptions): Promise<void> {
  const clusters = await clientOf(options).ask<Cluster[]>("GET", "/clusters");
  if (options.json) return printJson({ clusters });
  const rows = clusters.map(({ name, state, lagMs, headroomMs, lastEventAt, storedBytes, node }) => [
    name,
    state,
    lagMs === null ? "" : duration(lagMs),
    headroomMs === null ? "" : duration(headroomMs),
    lastEventAt ?? "",
    storedBytes === null ? "" : size(storedBytes),
    node ?? "",
  ]);
  await printLine(
    rows.length === 0 ? "No cluster is registered." : table(["name", "state", "lag", "safe for", "last event", "stored", "node"], rows),
  );
}

async function show(name: string, options: ServerOptions): Promise<void> {
  const cluster = await clientOf(options).ask<Cluster>("GET", pathOf(name));
  if (options.json) return printJson(cluster);
  const rows = [
    ["state", `${cluster.state} (wanted: ${cluster.desired})`],
    ["source", cluster.connectionString + (cluster.database === null ? "" : `, database ${cluster.database}`)],
    ["store", cluster.storeUri],
    ["runs on", cluster.node === null ? "no server" : `${cluster.node}, process ${cluster.pid ?? "(the server's)"}`],
    ["events", `${count(cluster.events)} in this run; first ${cluster.firstEventAt ?? "none"}, last ${cluster.lastEventAt ?? "none"}`],
    ["lag", cluster.lagMs === null ? "not known" : duration(cluster.lagMs)],
    ["safe for", cluster.headroomMs === null ? "not known" : duration(cluster.headroomMs)],
    ...(cluster.error ? [["error", [cluster.error.message, cluster.error.hint].filter(Boolean).join(". ")]] : []),
    ...cluster.notes.map((note) => ["note", note]),
  ];
  await printLine(table([cluster.name, ""], rows));
}

async function add(name: string, options: AddOptions): Promise<void> {
  const cluster = await clientOf(options).ask<Cluster>("POST", "/clusters", {
    name,
    // Resolved here: the server's environment is another one.
    connectionString: resolveUri(options.source),
    storeUri: resolveUri(options.store),
    autoStart: options.autoStart,
    ...(options.database !== undefined && { database: options.database }),
    ...(options.capture !== undefined && { capture: options.capture }),
    ...(options.from !== undefined && { startFrom: options.from }),
    ...(options.rpo !== undefined && { rpoMs: options.rpo }),
  });
  await done(cluster, options.autoStart ? "Registered; its collector is being started" : "Registered", options);
}

async function start(name: string, options: ServerOptions & { acceptGap?: boolean }): Promise<void> {
  await done(
    await clientOf(options).ask<Cluster>("POST", `${pathOf(name)}/start`, { acceptGap: options.acceptGap === true }),
    "It is being started",
    options,
  );
}

async function post(name: string, action: string, said: string, options: ServerOptions): Promise<void> {
  await done(await clientOf(options).ask<Cluster>("POST", `${pathOf(name)}/${action}`), said, options);
}

async function reset(name: string, options: ServerOptions & { yes?: boolean }): Promise<void> {
  const client = clientOf(options);
  const cluster = await client.ask<Cluster>("GET", pathOf(name));
  await confirm(cluster.name, "Everything that its log holds will be wiped, and it starts from now.", options.yes);
  await done(
    await client.ask<Cluster>("POST", `${pathOf(name)}/reset`, { confirm: cluster.name }),
    "Its log is being wiped; it starts from now",
    options,
  );
}

async function remove(name: string, options: ServerOptions & { yes?: boolean; keepData?: boolean }): Promise<void> {
  const client = clientOf(options);
  const cluster = await client.ask<Cluster>("GET", pathOf(name));
  if (!options.keepData) await confirm(cluster.name, "Everything that its log holds will be wiped.", options.yes);
  await client.ask("DELETE", `${pathOf(name)}${options.keepData ? "?keepData=true" : ""}`);
  if (options.json) await printJson({ removed: cluster.id });
  else tell(`${cluster.name} is de-registered.`);
}

async function rotateKey(options: ServerOptions): Promise<void> {
  const { rotated, locked } = await clientOf(options).ask<{ rotated: number; locked: string[] }>("POST", "/rotate-key");
  if (options.json) await printJson({ rotated, locked });
  if (locked.length > 0)
    throw new OplogError("BAD_INPUT", `None of the server's keys opens the URIs of ${locked.join(", ")}; the others are encrypted anew`, {
      hint: "Give the server the key that they were encrypted with as well, or register their URIs again; until then keep the older keys.",
    });
  if (!options.json)
    tell(`${count(rotated)} clusters were encrypted with an older key and are now with the newest: the older ones are no longer needed.`);
}

async function done(cluster: Cluster, said: string, { json }: ServerOptions): Promise<void> {
  if (json) await printJson(cluster);
  else tell(`${cluster.name}: ${said}.`);
}

/** Asks for the name at a terminal; elsewhere only `--yes` answers. */
async function confirm(name: string, what: string, yes = false): Promise<void> {
  if (yes) return;
  const refused = new OplogError("BAD_INPUT", `${what} It was not confirmed`, { hint: "Type the cluster's name, or give --yes." });
  if (!process.stdin.isTTY) throw refused;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    if ((await terminal.question(`${what} Type ${name} to go on: `)) !== name) throw refused;
  } finally {
    terminal.close();
  }
}
