/** Which page the dashboard shows. */
export type Route =
  | { page: "overview" }
  | { page: "register" }
  | { page: "cluster"; cluster: string; tab: ClusterTab; parameters: URLSearchParams };

export const CLUSTER_TABS = ["overview", "events", "history", "restore", "log", "settings"] as const;
export type ClusterTab = (typeof CLUSTER_TABS)[number];

/** `#/clusters/shop/events?op=drop`; what is none of these is the overview. */
export function parseRoute(hash: string): Route {
  const [path = "", search = ""] = hash.replace(/^#/, "").split("?");
  const [first, name, tab] = path.split("/").filter(Boolean).map(decode);
  if (first === "register") return { page: "register" };
  if (first !== "clusters" || !name) return { page: "overview" };
  const known = CLUSTER_TABS.find((one) => one === tab) ?? "overview";
  return { page: "cluster", cluster: name, tab: known, parameters: new URLSearchParams(search) };
}

export const CLUSTERS_BASE = "#/clusters/";

export const clusterHash = (cluster: string, tab: ClusterTab = "overview", parameters: Record<string, string> = {}): string => {
  const search = new URLSearchParams(parameters).toString();
  return `${CLUSTERS_BASE}${encodeURIComponent(cluster)}${tab === "overview" ? "" : `/${tab}`}${search ? `?${search}` : ""}`;
};

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
