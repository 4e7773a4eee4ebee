import {
  type OpenStoreWhenUpOptions,
  openStore,
  openStoreWhenUp,
  resolveUri,
  type Store,
  type StoreLocation,
} from "@oplog-collector/collector-core";
import { Lending } from "./lending.js";

/** A store that is being opened, or is open. */
interface Opening {
  location: Promise<StoreLocation>;
  close(): Promise<void>;
}

function opening(uri: string): Opening {
  const location = openStore(uri);
  return { location, close: async () => (await location).close() };
}

/** Opened stores, one for each URI: hundreds of clusters in one store share its connections. */
export class StoreLocations {
  private readonly stores = new Lending<Opening>(opening);

  /** For as long as `use` runs. */
  async use<T>(uri: string, use: (location: StoreLocation) => Promise<T>): Promise<T> {
    const location = await this.open(uri);
    try {
      return await use(location);
    } finally {
      await location.close();
    }
  }

  async useLog<T>(uri: string, name: string, use: (store: Store, location: StoreLocation) => Promise<T>): Promise<T> {
    return this.use(uri, async (location) => {
      const store = await location.log(name);
      try {
        return await use(store, location);
      } finally {
        await store.close();
      }
    });
  }

  /** As `openStoreWhenUp`, of a shared store: for collectors in our own process. */
  readonly whenUp = async (uri: string, options: OpenStoreWhenUpOptions): Promise<StoreLocation | undefined> => {
    try {
      return await this.open(uri);
    } catch {
      // Why, and whether to wait for it, is found out by the one that waits.
      const up = await openStoreWhenUp(uri, options);
      await up?.close();
      return up && this.open(uri);
    }
  };

  /** Closes those that nobody uses. */
  close(): Promise<void> {
    return this.stores.close();
  }

  /** Its `close` gives it back. */
  private async open(uri: string): Promise<StoreLocation> {
    const key = resolveUri(uri);
    const { item, giveBack } = this.stores.borrow(key);
    let location: StoreLocation;
    try {
      location = await item.location;
    } catch (error) {
      this.stores.discard(key, item);
      throw error;
    }
    return {
      log: (name) => location.log(name),
      names: (prefix) => location.names(prefix),
      get deployment() {
        return location.deployment;
      },
      close: async () => giveBack(),
    };
  }
}
