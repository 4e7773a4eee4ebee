import { formatClusterTime, parseTime, redactUri, resolveUri, type Store, verifyLog } from "@oplog-collector/collector-core";
import { planRestore, type RestoreOptions, type RestorePlan, restore, takeSnapshot, wholeMoment } from "@oplog-collector/restore";
import type { Cluster } from "./cluster.js";
import type { JobWork } from "./jobs.js";
import type { RestoreRequest } from "./manager-api.js";
import type { StoreLocations } from "./store-locations.js";

export const snapshotWork =
  (locations: StoreLocations, { name, connectionString, storeUri }: Cluster): JobWork =>
  (progress, signal) =>
    locations.use(storeUri, async (location) => {
      const source = resolveUri(connectionString);
      const taken = await takeSnapshot({ source, location, log: name, signal, onProgress: (sofar) => progress({ ...sofar }) });
      return { ...taken, takenFrom: formatClusterTime(taken.takenFrom), restorableFrom: formatClusterTime(taken.restorableFrom) };
    });

export const verifyWork =
  (locations: StoreLocations, { name, storeUri }: Cluster): JobWork =>
  (progress, signal) =>
    locations.useLog(storeUri, name, (store) => verifyLog(until(signal, store), name, (sofar) => progress({ ...sofar })));

export const restoreWork =
  (locations: StoreLocations, cluster: Cluster, request: RestoreRequest): JobWork =>
  (progress, signal) =>
    withRestore(locations, cluster, request, (options) => {
      // What "now" was when it was asked for: an interrupted one is gone on with to the same moment.
      const to = formatClusterTime(options.to);
      progress({ to });
      return restore({ ...options, signal, onProgress: (sofar) => progress({ to, ...sofar }) });
    });

export const planOfRestore = (locations: StoreLocations, cluster: Cluster, request: RestoreRequest): Promise<RestorePlan> =>
  withRestore(locations, cluster, request, planRestore);

/** A request as the history of jobs keeps it: without secrets. */
export const redactedRequest = (request: RestoreRequest): Record<string, unknown> => ({ ...request, target: redactUri(request.target) });

function withRestore<T>(
  locations: StoreLocations,
  { name, storeUri }: Cluster,
  { to, target, ns, excludeNs, rename, lanes, force, resume }: RestoreRequest,
  use: (options: RestoreOptions) => Promise<T>,
): Promise<T> {
  const time = parseTime(to);
  return locations.useLog(storeUri, name, async (store, location) =>
    use({
      ...{ location, log: name, target: resolveUri(target), ns, excludeNs, renames: rename, lanes, force, resume },
      ...(await wholeMoment(store, time)),
    }),
  );
}

/** The store, which seems to end once the signal aborts: what is found of it then is not used. */
const until = (signal: AbortSignal, store: Store): Store => ({
  append: (segment) => store.append(segment),
  async *headers(range) {
    for await (const header of store.headers(range)) {
      if (signal.aborted) return;
      yield header;
    }
  },
  read: (number) => store.read(number),
  readCheckpoint: () => store.readCheckpoint(),
  writeCheckpoint: (checkpoint, options) => store.writeCheckpoint(checkpoint, options),
  remove: (upTo) => store.remove(upTo),
  close: () => store.close(),
});
