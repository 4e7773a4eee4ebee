/** Gives the token that the API is asked with; called before each request, so that it may change. */
export type GetToken = () => string | null | undefined | Promise<string | null | undefined>;

interface Problem {
  title?: string;
  detail?: string;
  hint?: string;
  errors?: { field: string; problem: string }[];
}

/** What the API refused, or that it did not answer. */
export class ApiError extends Error {
  constructor(
    /** Of the HTTP answer; 0: there was none. */
    readonly status: number,
    message: string,
    readonly hint?: string,
    /** Which fields can't be used, and why. */
    readonly fields: readonly { field: string; problem: string }[] = [],
  ) {
    super(message);
  }

  get isDenied(): boolean {
    return this.status === 401 || this.status === 403;
  }
}

export interface AskOptions {
  method?: "GET" | "POST" | "PATCH" | "DELETE";
  body?: unknown;
  signal?: AbortSignal;
}

/** Asks the HTTP API. */
export class ApiClient {
  constructor(
    readonly endpoint: string,
    private readonly getToken?: GetToken,
  ) {}

  async ask<T>(path: string, { method = "GET", body, signal }: AskOptions = {}): Promise<T> {
    const headers = { accept: "application/json", ...(body !== undefined && { "content-type": "application/json" }) };
    const response = await this.send(path, { method, headers, signal, ...(body !== undefined && { body: JSON.stringify(body) }) });
    const text = await response.text();
    return (text === "" ? null : JSON.parse(text)) as T;
  }

  /** Throws an `ApiError` for every answer but a good one. */
  async send(path: string, init: RequestInit & { headers: Record<string, string> }): Promise<Response> {
    const token = await this.getToken?.();
    const headers = { ...init.headers, ...(token && { authorization: `Bearer ${token}` }) };
    let response: Response;
    try {
      response = await fetch(`${this.endpoint}${path}`, { ...init, headers, cache: "no-store" });
    } catch (error) {
      if (init.signal?.aborted) throw error;
      throw new ApiError(0, "The server does not answer", "It is tried again by itself.");
    }
    if (response.ok) return response;
    const problem = await readProblem(response);
    throw new ApiError(
      response.status,
      problem.detail ?? problem.title ?? `The server answered ${response.status}`,
      problem.hint,
      problem.errors,
    );
  }
}

async function readProblem(response: Response): Promise<Problem> {
  const isProblem = response.headers.get("content-type")?.includes("json") ?? false;
  return isProblem ? ((await response.json().catch(() => ({}))) as Problem) : {};
}

/** A path's part, and a query without what is not given. */
export const clusterPath = (cluster: string, rest = ""): string => `/clusters/${encodeURIComponent(cluster)}${rest}`;

export function query(parameters: Record<string, string | number | boolean | null | undefined>): string {
  const given = Object.entries(parameters).filter(([, value]) => value !== undefined && value !== null && value !== "");
  return given.length === 0 ? "" : `?${new URLSearchParams(given.map(([name, value]) => [name, String(value)]))}`;
}
