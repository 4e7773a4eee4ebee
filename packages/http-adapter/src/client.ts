import { hc } from "hono/client";
import type { Api } from "./api.js";

/** A client whose calls are typed by the routes: `createClient("http://127.0.0.1:4999/api", { getToken })`. */
export const createClient = (endpoint: string, { getToken }: { getToken?: () => string | Promise<string> } = {}) =>
  hc<Api>(endpoint, {
    headers: async (): Promise<Record<string, string>> => (getToken ? { authorization: `Bearer ${await getToken()}` } : {}),
  });
