import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { startReplicaSet } from "../../../../scripts/replica-set.mjs";
import { startProxy } from "../../../../scripts/tcp-proxy.mjs";
import type { Store } from "../store.js";
import { openStore } from "../stores/open-store.js";

export type Sink = "file" | "mongodb";

type ReplicaSet = Awaited<ReturnType<typeof startReplicaSet>>;
type TcpProxy = Awaited<ReturnType<typeof startProxy>>;

/** Where the logs of a test go. */
export interface LogPlace extends AsyncDisposable {
  sink: Sink;
  /** For the collector: the MongoDB store is reached through the proxy. */
  uri: string;
  /** For whoever looks at the log meanwhile: past the proxy. */
  directUri: string;
  directory?: string;
  server?: ReplicaSet;
  proxy?: TcpProxy;
}

export const openPlace = (sink: Sink): Promise<LogPlace> => (sink === "file" ? filePlace() : mongodbPlace());

async function filePlace(): Promise<LogPlace> {
  const directory = await mkdtemp(join(tmpdir(), "oplog-chaos-"));
  const uri = pathToFileURL(directory).href;
  return { sink: "file", uri, directUri: uri, directory, [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }) };
}

async function mongodbPlace(): Promise<LogPlace> {
  const server = await startReplicaSet({ name: "store", cacheGB: 0.5 });
  const proxy = await startProxy({ target: { port: server.member(0).port } });
  return {
    sink: "mongodb",
    uri: proxy.uri,
    directUri: server.directUri,
    server,
    proxy,
    async [Symbol.asyncDispose]() {
      await proxy.close();
      await server.stop();
    },
  };
}

/** Opens a log for reading. */
export async function withLogOf<T>({ directUri }: LogPlace, name: string, use: (store: Store) => Promise<T>): Promise<T> {
  const location = await openStore(directUri);
  try {
    return await use(await location.log(name));
  } finally {
    await location.close();
  }
}
