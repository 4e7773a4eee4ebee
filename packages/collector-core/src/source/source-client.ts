import type { MongoClient } from "mongodb";
import { makeClient, STREAM_PATIENCE } from "../mongo-client.js";

/** A client for one source to work with. Other sources may have the same one. */
export interface SourceClient {
  client: MongoClient;
  /** The source no longer needs it. */
  close(): Promise<void>;
}

/** Where a source gets its client from; called when it is made. */
export type ConnectSource = (uri: string) => SourceClient;

/** A client that nobody else has. */
export const ownClient: ConnectSource = (uri) => {
  const client = makeClient(uri, "source", STREAM_PATIENCE);
  return { client, close: () => client.close() };
};

/** A client for as many sources as may come: each stream holds a connection all the time, so a limit would keep the last ones waiting for ever. */
export const clientForMany = (uri: string): MongoClient =>
  makeClient(uri, "source", { ...STREAM_PATIENCE, maxPoolSize: 0, maxConnecting: CONNECTING_AT_ONCE });

/** After a failover all streams want a connection at the same moment; the driver's two at a time would keep hundreds of them waiting. */
const CONNECTING_AT_ONCE = 8;
