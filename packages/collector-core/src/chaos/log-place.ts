import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { startHttpProxy } from "../../../../scripts/http-proxy.mjs";
import { startReplicaSet } from "../../../../scripts/replica-set.mjs";
import { startS3Server } from "../../../../scripts/s3-server.mjs";
import { startProxy } from "../../../../scripts/tcp-proxy.mjs";
import type { Store } from "../store.js";
import { openStore } from "../stores/open-store.js";

/** `entries` is the MongoDB store in the layout of that name. */
export type Sink = "file" | "mongodb" | "entries" | "s3";

type ReplicaSet = Awaited<ReturnType<typeof startReplicaSet>>;
type TcpProxy = Awaited<ReturnType<typeof startProxy>>;
type HttpProxy = Awaited<ReturnType<typeof startHttpProxy>>;
type S3Server = Awaited<ReturnType<typeof startS3Server>>;

/** Where the logs of a test go. */
export interface LogPlace extends AsyncDisposable {
  sink: Sink;
  /** For the collector: a store that is a server is reached through the proxy. */
  uri: string;
  /** For whoever looks at the log meanwhile: past the proxy. */
  directUri: string;
  directory?: string;
  server?: ReplicaSet;
  proxy?: TcpProxy;
  /** Of an object store: the server keeps all in its memory, so it can be frozen and cut off, not killed. */
  objects?: { server: S3Server; proxy: HttpProxy };
}

const PLACES: Record<Sink, () => Promise<LogPlace>> = {
  file: filePlace,
  mongodb: () => mongodbPlace("mongodb", ""),
  entries: () => mongodbPlace("entries", "&layout=entries"),
  s3: s3Place,
};

export const openPlace = (sink: Sink): Promise<LogPlace> => PLACES[sink]();

async function filePlace(): Promise<LogPlace> {
  const directory = await mkdtemp(join(tmpdir(), "oplog-chaos-"));
  const uri = pathToFileURL(directory).href;
  return { sink: "file", uri, directUri: uri, directory, [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }) };
}

async function mongodbPlace(sink: Sink, parameters: string): Promise<LogPlace> {
  const server = await startReplicaSet({ name: "store", cacheGB: 0.5 });
  const proxy = await startProxy({ target: { port: server.member(0).port } });
  return {
    sink,
    uri: `${proxy.uri}${parameters}`,
    directUri: `${server.directUri}${parameters}`,
    server,
    proxy,
    async [Symbol.asyncDispose]() {
      await proxy.close();
      await server.stop();
    },
  };
}

async function s3Place(): Promise<LogPlace> {
  const server = await startS3Server();
  await server.createBucket("chaos");
  const proxy = await startHttpProxy({ port: server.port });
  return {
    sink: "s3",
    uri: server.uri("chaos/logs", { port: proxy.port }),
    directUri: server.uri("chaos/logs"),
    objects: { server, proxy },
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
