import { OplogError } from "../errors.js";
import type { Keyring } from "../keyring.js";
import type { Store, StoreLocation } from "../store.js";

/** The same place, whose logs are written encrypted, and read with these keys. */
export const locationWithKeys = (location: StoreLocation, keys: Keyring): StoreLocation => ({
  async log(name) {
    const store = await location.log(name);
    if (!store.showsEvents) return storeWithKeys(store, keys);
    await store.close();
    throw new OplogError("BAD_INPUT", "A store of entries shows each event to whoever may read its database, so it can't be encrypted", {
      hint: "Leave layout=entries out of the store's URI, or OPLOG_STORE_KEY_FILE and OPLOG_STORE_KEY out of the environment.",
    });
  },
  names: (prefix) => location.names(prefix),
  get deployment() {
    return location.deployment;
  },
  close: () => location.close(),
});

const storeWithKeys = (store: Store, keys: Keyring): Store => ({
  keys,
  bundling: store.bundling,
  append: (segment) => store.append(segment),
  headers: (range) => store.headers(range),
  async read(number) {
    const segment = await store.read(number);
    return segment && { ...segment, keys };
  },
  readCheckpoint: () => store.readCheckpoint(),
  writeCheckpoint: (checkpoint, options) => store.writeCheckpoint(checkpoint, options),
  remove: (upTo) => store.remove(upTo),
  close: () => store.close(),
});
