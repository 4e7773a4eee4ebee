import { ApiClient, type GetToken } from "./api-client.js";
import { Feed } from "./feed.js";

/** The API of one endpoint, asked with one host's token: shared by all elements of a page that have the same. */
export interface Connection {
  api: ApiClient;
  feed: Feed;
}

const withoutToken: GetToken = () => null;
const connections = new WeakMap<GetToken, Map<string, Connection>>();

export function connectionTo(endpoint: string, getToken: GetToken = withoutToken): Connection {
  const ofHost = connections.get(getToken) ?? new Map<string, Connection>();
  connections.set(getToken, ofHost);
  const path = endpoint.replace(/\/+$/, "");
  const known = ofHost.get(path);
  if (known) return known;
  const api = new ApiClient(path, getToken);
  const connection = { api, feed: new Feed(api) };
  ofHost.set(path, connection);
  return connection;
}
