import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { guardProcess, releaseProcess } from "../../../scripts/orphan-guard.mjs";
import { waitFor } from "../../../scripts/wait-for.mjs";

const SERVER = fileURLToPath(new URL("../dist/main.js", import.meta.url));

/** What a shell gives a program; nothing of ours. */
const { PATH = "", HOME = "", OPLOG_CACHE_DIR } = process.env;
const PLAIN_ENVIRONMENT = { PATH, HOME, ...(OPLOG_CACHE_DIR !== undefined && { OPLOG_CACHE_DIR }) };

/** The built server as a user starts it: for tests. */
export class SpawnedServer implements AsyncDisposable {
  stdout = "";
  stderr = "";
  url = "";
  readonly child: ChildProcess;
  /** The exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>;

  constructor(args: readonly string[], env: Record<string, string>, cwd: string) {
    this.child = spawn(process.execPath, [SERVER, ...args], {
      cwd,
      env: { ...PLAIN_ENVIRONMENT, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    guardProcess(this.child.pid!);
    this.child.stdout!.on("data", (chunk) => {
      this.stdout += chunk;
    });
    this.child.stderr!.on("data", (chunk) => {
      this.stderr += chunk;
    });
    this.ended = new Promise((resolve) =>
      this.child.once("close", (code, signal) => {
        releaseProcess(this.child.pid!);
        resolve(code ?? signal!);
      }),
    );
  }

  /** Resolves once it listens, on a port of its own choice. */
  static async listening(cwd: string, env: Record<string, string> = {}, args: readonly string[] = []): Promise<SpawnedServer> {
    const server = new SpawnedServer(args, { PORT: "0", ...env }, cwd);
    server.url = await waitFor("the server to listen", () => {
      if (server.child.exitCode !== null) throw new Error(`it ended with ${server.child.exitCode}: ${server.stderr}`);
      return /http:\/\/\S+(?=;)/.exec(server.stderr)?.[0];
    });
    return server;
  }

  /** The answer's JSON; throws what it says otherwise. */
  async ask<T>(method: string, path: string, body?: object): Promise<T> {
    const response = await this.fetch(method, path, body);
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return (text === "" ? undefined : JSON.parse(text)) as T;
  }

  fetch(method: string, path: string, body?: object, headers: Record<string, string> = {}): Promise<Response> {
    return fetch(`${this.url}${path}`, {
      method,
      headers: { ...(body && { "content-type": "application/json" }), ...headers },
      ...(body && { body: JSON.stringify(body) }),
    });
  }

  async signal(name: NodeJS.Signals): Promise<number | NodeJS.Signals> {
    this.child.kill(name);
    return this.ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.signal("SIGKILL");
  }
}

/** Runs it to its end, with what it says. */
export async function runServer(
  args: readonly string[],
  env: Record<string, string>,
  cwd: string,
): Promise<{ code: number | NodeJS.Signals; stdout: string; stderr: string }> {
  await using server = new SpawnedServer(args, env, cwd);
  const code = await server.ended;
  return { code, stdout: server.stdout, stderr: server.stderr };
}
