import type { Keyring } from "../keyring.js";
import type { Store, StoreLocation } from "../store.js";

/** The same place, whose logs are written encrypted, and read with these keys. */
export const locationWithKeys = (location: StoreLocation, keys: Keyring): StoreLocation => ({
  log: async (name) => storeWithKeys(await location.log(name), keys),
  names: () => location.names(),
  get deployment() {
    return location.deployment;
  },
  close: () => location.close(),
});

const storeWithKeys = (store: Store, keys: Keyring): Store => ({
  keys,
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
