import type { ClusterView } from "@oplog-collector/manager";

/** A view is never changed, and mostly the same one as a moment ago: lists and streams of hundreds of clusters are put together from these. */
const written = new WeakMap<ClusterView, string>();

/** A cluster as the API sends it. */
export function clusterJson(cluster: ClusterView): string {
  let json = written.get(cluster);
  if (json === undefined) {
    json = JSON.stringify(cluster);
    written.set(cluster, json);
  }
  return json;
}
