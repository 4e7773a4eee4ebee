import { OplogError, type OplogErrorCode, redact, resolveUri } from "@oplog-collector/collector-core";

/** Where `npm start` listens when nothing else is configured. */
export const DEFAULT_SERVER = "http://127.0.0.1:4999";

/** Longer than the server's own waits for databases. */
const TIMEOUT_MS = 60_000;

const CODES: Record<number, OplogErrorCode> = { 401: "FORBIDDEN", 403: "FORBIDDEN", 404: "NOT_FOUND", 409: "CONFLICT", 422: "BAD_INPUT" };

interface Problem {
  title?: string;
  detail?: string;
  hint?: string;
}

/** Asks a server's API. */
export class ServerClient {
  private readonly base: string;
  private readonly token: string | undefined;

  /** `token`: itself, or `env:NAME`, `file-ref:PATH`. */
  constructor(server: string, token: string | undefined) {
    if (!URL.canParse(server) || !/^https?:/.test(server))
      throw new OplogError("BAD_INPUT", "--server is not the URL of a server", { hint: `The default is ${DEFAULT_SERVER}.` });
    this.base = server.replace(/\/+$/, "");
    this.token = token === undefined ? undefined : /^(env|file-ref):/.test(token) ? resolveUri(token) : token;
  }

  /** The answer's JSON; undefined when it has none. Throws the server's own words. */
  async ask<T>(method: string, path: string, body?: object): Promise<T> {
    const response = await this.send(method, path, body);
    const text = await response.text();
    if (response.ok) return (text === "" ? undefined : JSON.parse(text)) as T;
    const problem = readProblem(text);
    throw new OplogError(
      CODES[response.status] ?? "UNREACHABLE",
      problem.detail ?? problem.title ?? `The server answered with ${response.status}`,
      {
        ...(problem.hint && { hint: problem.hint }),
      },
    );
  }

  private async send(method: string, path: string, body?: object): Promise<Response> {
    try {
      return await fetch(`${this.base}/api${path}`, {
        method,
        headers: {
          ...(this.token !== undefined && { authorization: `Bearer ${this.token}` }),
          ...(body && { "content-type": "application/json" }),
        },
        ...(body && { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
    } catch (cause) {
      throw new OplogError("UNREACHABLE", `The server at ${redact(this.base)} does not answer`, {
        cause,
        hint: "Start it with `npm start`, or name another with --server.",
      });
    }
  }
}

function readProblem(text: string): Problem {
  try {
    return JSON.parse(text) as Problem;
  } catch {
    return {}; // not from our server: a proxy's page
  }
}
