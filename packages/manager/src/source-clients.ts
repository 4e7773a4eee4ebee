import { type ConnectSource, clientForMany } from "@oplog-collector/collector-core";
import type { MongoClient } from "mongodb";
import { Lending } from "./lending.js";

/** Clients of sources, one for each URI: hundreds of collectors of one deployment share its connections and their upkeep. */
export class SourceClients {
  private readonly clients = new Lending<MongoClient>(clientForMany);

  readonly connect: ConnectSource = (uri) => {
    const { item: client, giveBack } = this.clients.borrow(uri);
    return { client, close: async () => giveBack() };
  };

  /** Closes those that nobody uses. */
  close(): Promise<void> {
    return this.clients.close();
  }
}
