import {
  type OpenStoreWhenUpOptions,
  openStore,
  openStoreWhenUp,
  resolveUri,
  type Store,
  type StoreLocation,
} from "@oplog-collector/collector-core";

/** Long enough for the next look at the same store, short enough to let go of one that nobody uses. */
const IDLE_MS = 60_000;

interface Shared {
  opening: Promise<StoreLocation>;
  users: number;
  closing: NodeJS.Timeout | null;
}

/** Opened stores, one for each URI: hundreds of clusters in one store share its connections. */
export class StoreLocations {
  private readonly shared = new Map<string, Shared>();

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
  async close(): Promise<void> {
    await Promise.allSettled([...this.shared.keys()].map((key) => this.drop(key)));
  }

  /** Its `close` gives it back. */
  private async open(uri: string): Promise<StoreLocation> {
    const key = resolveUri(uri);
    const shared = this.shared.get(key) ?? { opening: openStore(key), users: 0, closing: null };
    this.shared.set(key, shared);
    if (shared.closing) clearTimeout(shared.closing);
    shared.closing = null;
    shared.users++;
    let location: StoreLocation;
    try {
      location = await shared.opening;
    } catch (error) {
      if (this.shared.get(key) === shared) this.shared.delete(key);
      throw error;
    }
    let open = true;
    return {
      log: (name) => location.log(name),
      names: (prefix) => location.names(prefix),
      get deployment() {
        return location.deployment;
      },
      close: async () => {
        if (!open) return;
        open = false;
        if (--shared.users > 0) return;
        shared.closing = setTimeout(() => void this.drop(key), IDLE_MS).unref();
      },
    };
  }

  private async drop(key: string): Promise<void> {
    const shared = this.shared.get(key);
    if (!shared || shared.users > 0) return;
    if (shared.closing) clearTimeout(shared.closing);
    this.shared.delete(key);
    await shared.opening.then((location) => location.close()).catch(() => {}); // nothing is written through it any more
  }
}
