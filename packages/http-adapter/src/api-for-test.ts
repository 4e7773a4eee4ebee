/// <reference path="../../../scripts/vitest-context.d.ts" />
import { randomBytes, randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { createManager, type Manager, SecretBox } from "@oplog-collector/manager";
import { Hono } from "hono";
import { MongoClient } from "mongodb";
import { type ApiOptions, createApi } from "./api.js";
import { readTokens } from "./bearer-tokens.js";
import { createHealth } from "./health.js";
import type { Role } from "./identity.js";

/** One token a role, and one operator who may see only the cluster `mine`. */
export const TOKENS = {
  viewer: "viewer-token-0123456789",
  operator: "operator-token-0123456789",
  admin: "admin-token-0123456789",
  limited: "limited-token-0123456789",
};

export const authorize = readTokens(
  `vera:viewer:${TOKENS.viewer},otto:operator:${TOKENS.operator},anna:admin:${TOKENS.admin},lina:admin:${TOKENS.limited}:mine`,
);

/** A manager with collectors in this process, its API under `/api`, and how to ask it. */
export class ApiForTest implements AsyncDisposable {
  private constructor(
    readonly app: Hono,
    readonly manager: Manager,
    readonly directory: string,
    readonly uri: string,
    private readonly database: string,
  ) {}

  static async open(uri: string, options: Partial<ApiOptions> = {}): Promise<ApiForTest> {
    const database = `api_${randomUUID().slice(0, 8)}`;
    const secrets = SecretBox.fromKeys([randomBytes(32).toString("hex")]);
    const manager = await createManager({ metadataUri: uri.replace(/\/(\?|$)/, `/${database}$1`), secrets, runner: "in-process" });
    await manager.begin();
    const app = new Hono();
    app.route("/", createHealth(manager));
    app.route("/api", createApi(manager, { authorize, ...options }));
    return new ApiForTest(app, manager, await mkdtemp(join(tmpdir(), "oplog-api-")), uri, database);
  }

  get storeUri(): string {
    return pathToFileURL(join(this.directory, "store")).href;
  }

  /** Sends a request as that role; `null`: without a token. */
  async ask(
    as: keyof typeof TOKENS | null,
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Response> {
    return this.app.request(path, {
      method,
      headers: {
        ...(as !== null && { authorization: `Bearer ${TOKENS[as]}` }),
        ...(body !== undefined && { "content-type": "application/json" }),
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
  }

  registration(name: string, more: Record<string, unknown> = {}): Record<string, unknown> {
    return { name, connectionString: this.uri, storeUri: this.storeUri, database: `${this.database}_${name}`, rpoMs: 100, ...more };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.manager.end();
    const client = new MongoClient(this.uri);
    await client.db(this.database).dropDatabase();
    await client.close();
    await rm(this.directory, { recursive: true, force: true });
  }
}

export const ALL_ROLES: readonly Role[] = ["viewer", "operator", "admin"];
