/// <reference path="../../../scripts/vitest-context.d.ts" />
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { pino } from "pino";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { readConfig } from "./config.js";
import { type RunningServer, startServer } from "./server.js";

/** As long as a person would wait before thinking that nothing happens, with room for a busy machine. */
const PATIENCE_MS = 20_000;

/** The real server on a folder of its own, with collectors in this process. */
export class DashboardForTest implements AsyncDisposable {
  private server: RunningServer | null = null;
  private port = "0";

  private constructor(
    readonly folder: string,
    private readonly env: Record<string, string>,
  ) {}

  static async open(metadataUri: string, env: Record<string, string> = {}): Promise<DashboardForTest> {
    const folder = await mkdtemp(join(tmpdir(), "oplog-dashboard-"));
    const dashboard = new DashboardForTest(folder, { CENTRAL_METADATA_DB_URI: metadataUri, RUNNER: "in-process", ...env });
    await dashboard.start();
    return dashboard;
  }

  get url(): string {
    return this.server!.url;
  }

  get storeUri(): string {
    return pathToFileURL(join(this.folder, "store")).href;
  }

  /** On the same port as before, if it has run. */
  async start(): Promise<void> {
    const args = ["--port", this.port, "--data-dir", join(this.folder, "data"), "--log-dir", join(this.folder, "logs")];
    const { config } = await readConfig(args, this.env);
    this.server = await startServer(config, pino({ enabled: false }));
    this.port = new URL(this.server.url).port;
  }

  async stop(): Promise<void> {
    await this.server?.stop();
    this.server = null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** A tab, and everything in it that a page must not do. */
export class Tab {
  /** Console errors and warnings, exceptions, violations of the policy, requests to elsewhere. */
  readonly offences: string[] = [];

  private constructor(
    readonly page: Page,
    private readonly context: BrowserContext,
    private readonly allowed: readonly RegExp[],
  ) {}

  /** `allowed`: what the browser itself writes to its console about answers that the test provokes. */
  static async open(
    browser: Browser,
    url: string,
    { allowed = [], dark = false }: { allowed?: RegExp[]; dark?: boolean } = {},
  ): Promise<Tab> {
    const context = await browser.newContext({
      viewport: { width: 1440, height: 900 },
      locale: "en-US",
      colorScheme: dark ? "dark" : "light",
      reducedMotion: "reduce",
    });
    const page = await context.newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    const tab = new Tab(page, context, allowed);
    page.on("console", (message) => ["error", "warning"].includes(message.type()) && tab.note(`console: ${message.text()}`));
    page.on("pageerror", (error) => tab.note(`exception: ${error.stack}`));
    page.on("request", (request) => new URL(request.url()).origin === new URL(url).origin || tab.note(`request to ${request.url()}`));
    await page.exposeFunction("noteViolation", (what: string) => tab.note(`policy: ${what}`));
    await page.addInitScript(
      `document.addEventListener("securitypolicyviolation", (event) => noteViolation(event.violatedDirective + " " + event.blockedURI));`,
    );
    await page.goto(url);
    return tab;
  }

  async close(): Promise<void> {
    await this.context.close();
  }

  private note(offence: string): void {
    if (!this.allowed.some((pattern) => pattern.test(offence))) this.offences.push(offence);
  }
}
