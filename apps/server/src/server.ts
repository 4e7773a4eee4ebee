import { join } from "node:path";
import { serve } from "@hono/node-server";
import { OplogError } from "@oplog-collector/collector-core";
import { createApi, createHealth, createMetrics, type Identity, readTokens } from "@oplog-collector/http-adapter";
import { createManager, openMetadata, SecretBox } from "@oplog-collector/manager";
import { Hono } from "hono";
import type { Logger } from "pino";
import { openAuditLog } from "./audit-log.js";
import type { ServerConfig } from "./config.js";
import { dashboardPage } from "./dashboard.js";
import { startEmbeddedMongodb } from "./embedded-mongodb.js";
import { SampleCluster } from "./sample-cluster.js";

/** Whoever can reach a loopback port without tokens is on this machine, as its operator. */
const LOCAL: Identity = { name: "local", role: "admin" };

export interface RunningServer {
  url: string;
  /** Stops collectors in order, then everything else; within 10 s. */
  stop(): Promise<void>;
}

/** The keys of a server that was given none. */
export const keyFileOf = ({ dataDir }: Pick<ServerConfig, "dataDir">): string => join(dataDir, "encryption.key");

/** The reference server: manager and API in one process. */
export async function startServer(config: ServerConfig, logger: Logger): Promise<RunningServer> {
  const opened: (() => Promise<unknown>)[] = [];
  const close = async () => {
    for (const one of opened.reverse())
      await one().catch((error) => logger.warn({ error: String(error) }, "something did not close in order"));
  };
  try {
    const secrets =
      config.encryptionKey === undefined
        ? await SecretBox.fromKeyFile(keyFileOf(config))
        : SecretBox.fromKeys(config.encryptionKey.split(","));
    let uri = config.metadataUri;
    if (uri === undefined) {
      const embedded = await startEmbeddedMongodb(config.dataDir, (line) => logger.info(line));
      opened.push(() => embedded.stop());
      uri = embedded.uri;
    }
    const { db, client } = openMetadata(uri);
    opened.push(() => client.close());
    const { runner, logDir, logRotation, node, oplogLogLevel: logLevel } = config;
    const manager = await createManager({
      db,
      secrets,
      runner,
      logDir,
      logRotation,
      logLevel,
      ...(node !== undefined && { node }),
      logger,
    });
    await manager.begin();
    opened.push(() => manager.end());

    // Where the places of sources and stores are limited, a sample would be in neither.
    const sample = config.databaseHosts || config.storeFolders ? null : new SampleCluster(config.dataDir, manager, logger);
    await sample?.resume();
    opened.push(async () => sample?.stop());

    const tokens = config.authTokens.trim() === "" ? null : readTokens(config.authTokens);
    const authorize = tokens ?? (() => LOCAL);
    const app = new Hono();
    app.route("/", createHealth(manager, tokens ? { authorize: tokens } : {}));
    app.route(
      "/api",
      createApi(manager, {
        authorize,
        ...(config.allowedHosts && { hosts: config.allowedHosts }),
        origins: config.allowedOrigins,
        addresses: {
          ...(config.databaseHosts && { hosts: config.databaseHosts }),
          ...(config.storeFolders && { folders: config.storeFolders }),
        },
        audit: await openAuditLog(db, logger),
        ...(sample && { startSample: sample.start }),
        onError: (error) => logger.error({ ...error }, "a request failed"),
      }),
    );
    // For scrapers that can't be given a token, on loopback only; elsewhere they use /api/metrics with one.
    if (!tokens) app.route("/", createMetrics(manager));
    app.route("/", await dashboardPage());
    const listening = await listen(app, config);
    opened.push(listening.stop);
    return { url: listening.url, stop: close };
  } catch (error) {
    await close();
    throw error;
  }
}

function listen(app: Hono, { host, port }: ServerConfig): Promise<RunningServer> {
  return new Promise((resolve, reject) => {
    const server = serve({ fetch: app.fetch, hostname: host, port }, (address) => {
      const name = address.family === "IPv6" ? `[${address.address}]` : address.address;
      const stop = () =>
        new Promise<void>((done) => {
          server.close(() => done());
          // Streams of events never end by themselves.
          if ("closeAllConnections" in server) server.closeAllConnections();
        });
      resolve({ url: `http://${name}:${address.port}`, stop });
    });
    server.once("error", (error: NodeJS.ErrnoException) =>
      reject(
        error.code === "EADDRINUSE"
          ? new OplogError("BAD_INPUT", `Port ${port} of ${host} is taken`, {
              hint: "Stop what listens there, or choose another with PORT or --port.",
            })
          : error,
      ),
    );
  });
}
