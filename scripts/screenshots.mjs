/**
 * `npm run screenshots`: every page of the dashboard as it looks with a sample cluster and a few others, on a desk and on a telephone, light and dark,
 * into docs/screenshots. Everything runs on 127.0.0.1 in a temporary folder.
 */
import { spawn } from "node:child_process";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stderr } from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";
import { MongoClient } from "mongodb";
import { launchBrowser } from "./browser.mjs";
import { freePort } from "./free-port.mjs";
import { startReplicaSet } from "./replica-set.mjs";
import { waitFor } from "./wait-for.mjs";

const MAIN = fileURLToPath(new URL("../apps/server/dist/main.js", import.meta.url));
const FOLDER = fileURLToPath(new URL("../docs/screenshots/", import.meta.url));
const SIZES = { desk: { width: 1440, height: 900 }, phone: { width: 390, height: 844 } };
/** As JPEG a page is 30 to 90 kB: PNG takes twice that for no more to see. */
const QUALITY = 82;
/** So long the sample runs before the pictures: a base snapshot, a drop, and lines that have a shape. */
const HISTORY_MS = 75_000;

/** What the temporary folder is called in the pictures. */
const INSTALLED = "/var/lib/oplog-collector";
/** Other databases of the source, each with so many writes a second. */
const OTHERS = { catalog: 2, payments: 4, sessions: 6, "support-desk": 0.5 };

/** @typedef {import("playwright-core").Page} Page */
/** @type {[name: string, hash: string, prepare?: (page: Page) => Promise<unknown>][]} */
const PAGES = [
  ["overview", "#/"],
  ["register", "#/register"],
  ["cluster", "#/clusters/sample"],
  [
    "events",
    "#/clusters/sample/events?ns=shop.*",
    (page) => page.locator("button.event").filter({ hasText: "changed status" }).first().click(),
  ],
  ["history", "#/clusters/sample/events?ns=shop.orders&op=update", documentHistory],
  ["restore", "#/clusters/sample/restore", plan],
  ["log", "#/clusters/sample/log"],
  ["settings", "#/clusters/sample/settings"],
];

/** @type {(() => Promise<void>)[]} */
const closing = [];
const folder = await mkdtemp(join(tmpdir(), "oplog-screenshots-"));
const url = `http://127.0.0.1:${await freePort()}`;
const log = (/** @type {string} */ line) => stderr.write(`${line}\n`);
const server = spawn(
  process.execPath,
  [MAIN, "--port", new URL(url).port, "--data-dir", join(folder, "data"), "--log-dir", join(folder, "logs"), "--node", "server-1"],
  { stdio: ["ignore", "ignore", "inherit"] },
);
const ended = new Promise((resolve) => server.once("exit", resolve));
const target = await startReplicaSet({ name: "target" });
const browser = await launchBrowser();
try {
  await mkdir(FOLDER, { recursive: true });
  await waitFor("the server", async () => (await fetch(`${url}/livez`)).ok);
  for (const scheme of /** @type {const} */ (["light", "dark"]))
    for (const [size, viewport] of Object.entries(SIZES)) await picture(await open(scheme, viewport), `first-${size}-${scheme}`, "#/");
  await seed();
  log("The sample is being captured; the pictures follow in a minute or so.");
  await new Promise((resolve) => setTimeout(resolve, HISTORY_MS));
  for (const scheme of /** @type {const} */ (["light", "dark"]))
    for (const [size, viewport] of Object.entries(SIZES)) {
      const page = await open(scheme, viewport);
      for (const [name, hash, prepare] of PAGES) await picture(page, `${name}-${size}-${scheme}`, hash, prepare);
      await page.context().close();
    }
} finally {
  await browser.close();
  for (const close of closing) await close();
  server.kill("SIGTERM");
  await Promise.all([ended, target.stop()]);
  await rm(folder, { recursive: true, force: true });
}

/** @param {"light" | "dark"} colorScheme @param {{ width: number, height: number }} viewport */
async function open(colorScheme, viewport) {
  const context = await browser.newContext({
    viewport,
    colorScheme,
    locale: "en-US",
    timezoneId: "Europe/Berlin",
    reducedMotion: "reduce",
  });
  const page = await context.newPage();
  // Logs and stores are in a temporary folder here; they are shown where an installation would have them.
  await page.addInitScript(`{
    const ask = globalThis.fetch;
    globalThis.fetch = async (...request) => {
      const answer = await ask(...request);
      const elsewhere = new TransformStream({ transform: (text, out) => out.enqueue(text.replaceAll(${JSON.stringify(folder)}, ${JSON.stringify(INSTALLED)})) });
      const body = answer.body?.pipeThrough(new TextDecoderStream()).pipeThrough(elsewhere).pipeThrough(new TextEncoderStream());
      return new Response(body, answer);
    };
  }`);
  return page;
}

/** @param {Page} page @param {string} name @param {string} hash @param {(page: Page) => Promise<unknown>} [prepare] */
async function picture(page, name, hash, prepare) {
  await page.goto(`${url}/${hash}`);
  await page.locator("h1").first().waitFor();
  await prepare?.(page);
  // What is asked for after the first drawing: rates, coverage, a log file.
  await page.waitForLoadState("domcontentloaded");
  await page.waitForTimeout(700);
  // Nothing looks as if it were pointed at.
  await page.mouse.move(0, 0);
  await page.screenshot({ path: join(FOLDER, `${name}.jpg`), type: "jpeg", quality: QUALITY });
  log(`  ${name}`);
}

/** @param {Page} page */
async function documentHistory(page) {
  await page.locator("button.event").filter({ hasText: "changed status" }).first().click();
  await page.getByRole("button", { name: "Document history" }).click();
  await page.getByLabel("Versions").waitFor();
}

/** @param {Page} page */
async function plan(page) {
  await page
    .getByRole("button", { name: /dropped/ })
    .first()
    .click();
  await page.getByRole("textbox", { name: "Target" }).fill(target.uri);
  await page.getByRole("button", { name: "Show the plan" }).click();
  await page.getByText("Then the log, up to").waitFor();
  await page.evaluate("scrollTo(0, 0)");
}

/** The sample, and clusters in other states beside it. */
async function seed() {
  const post = async (/** @type {string} */ path, /** @type {object} */ body = {}) => {
    const response = await fetch(`${url}/api${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${path}: ${await response.text()}`);
    return /** @type {any} */ (await response.json());
  };
  const sample = await post("/sample");
  const storeUri = pathToFileURL(join(folder, "store")).href;
  await post("/clusters", {
    name: "billing",
    connectionString: sample.connectionString,
    storeUri,
    database: "shop",
    snapshotEveryHours: 24,
  });
  await post("/clusters", {
    name: "archive-eu",
    connectionString: sample.connectionString,
    storeUri,
    database: "archive",
    autoStart: false,
  });
  await post("/clusters", { name: "warehouse", connectionString: "mongodb://127.0.0.1:9/?replicaSet=warehouse", storeUri });
  for (const [database, perSecond] of Object.entries(OTHERS)) {
    await post("/clusters", { name: database, connectionString: sample.connectionString, storeUri, database, snapshotEveryHours: 24 });
    writeTo(sample.connectionString, database, perSecond);
  }
  await waitFor(
    "the sample to be captured",
    async () => /** @type {any} */ (await (await fetch(`${url}/api/clusters/sample`)).json()).coveredTo !== null,
  );
  await post("/clusters/sample/snapshots");
  const client = new MongoClient(sample.connectionString);
  const campaigns = client.db("shop").collection("campaigns");
  await campaigns.insertMany(Array.from({ length: 40 }, (_, code) => ({ code: `C${code}` })));
  await new Promise((resolve) => setTimeout(resolve, HISTORY_MS / 2));
  await campaigns.drop();
  await client.close();
}

/** @param {string} uri @param {string} database @param {number} perSecond */
function writeTo(uri, database, perSecond) {
  const client = new MongoClient(uri);
  const records = client.db(database).collection("records");
  const timer = setInterval(
    () => void records.insertOne({ at: new Date() }).catch(() => {}), // the source has ended with the server
    1000 / perSecond,
  );
  closing.push(async () => {
    clearInterval(timer);
    await client.close();
  });
}
