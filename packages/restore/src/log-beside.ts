import { type Store, type StoreLocation, snapshotLogName } from "@oplog-collector/collector-core";

/** Opens a small log that is kept beside another one, under its name and an id, for as long as `use` runs. */
export async function withLogBeside<T>(location: StoreLocation, log: string, id: string, use: (store: Store) => Promise<T>): Promise<T> {
  const store = await location.log(snapshotLogName(log, id));
  try {
    return await use(store);
  } finally {
    await store.close();
  }
}
