/** How busy the dashboard keeps a browser with 200 live clusters, and how soon its first view is there. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { launchBrowser } from "../scripts/browser.mjs";
import { freePort } from "../scripts/free-port.mjs";
import { waitFor } from "../scripts/wait-for.mjs";
import { median } from "./in-turn.mjs";

const MAIN = fileURLToPath(new URL("../apps/server/dist/main.js", import.meta.url));

/** What one server is made for. */
const CLUSTERS = 200;
/** Each cluster is written to about every other second, so all of them change what they show. */
const WRITES_PER_SECOND = 100;
/** Long enough to hold many redraws of every row. */
const WATCHED_MS = 20_000;
const GOAL_BUSY_PERCENT = 20;
const GOAL_FIRST_VIEW_MS = 1_000;

/** @param {import('./run.mjs').Bench} bench @returns {Promise<import('./report.mjs').Figure>} */
export async function dashboardLoad({ servers, repeat, log }) {
  const source = await servers.source();
  const folder = join(await servers.folder(), "dashboard");
  const url = `http://127.0.0.1:${await freePort()}`;
  const args = [
    "--port",
    new URL(url).port,
    "--data-dir",
    join(folder, "data"),
    "--log-dir",
    join(folder, "logs"),
    "--runner",
    "in-process",
  ];
  const server = spawn(process.execPath, [MAIN, ...args], { stdio: ["ignore", "ignore", "inherit"] });
  const ended = new Promise((resolve) => server.once("exit", resolve));
  const browser = await launchBrowser();
  const stop = new AbortController();
  /** @type {Promise<void>} */
  let writing = Promise.resolve();
  try {
    await waitFor("the server", async () => (await fetch(`${url}/livez`)).ok);
    log(`Registering ${CLUSTERS} clusters …`);
    const databases = Array.from({ length: CLUSTERS }, (_, index) => `dashboard_${index}`);
    for (const database of databases) await register(url, database, source.uri, pathToFileURL(join(folder, "store")).href);
    await waitFor("all of them to run", async () => (await clusters(url)).every(({ state }) => state === "running"), {
      timeoutMs: 180_000,
    });
    writing = write(source.client, databases, stop.signal);
    const views = [];
    const bundles = [];
    const answers = [];
    const busy = [];
    for (let time = 0; time < repeat; time++) {
      const { firstViewMs, bundleMs, answerMs, busyPercent } = await watch(browser, url);
      log(
        `  first view after ${Math.round(firstViewMs)} ms (bundle ${Math.round(bundleMs)}, first answer ${Math.round(answerMs)}), main thread busy ${busyPercent.toFixed(1)} %`,
      );
      views.push(firstViewMs);
      bundles.push(bundleMs);
      answers.push(answerMs);
      busy.push(busyPercent);
    }
    const [view, load] = [median(views), median(busy)];
    return {
      name: "dashboard",
      title: `Dashboard: ${CLUSTERS} clusters, ${WRITES_PER_SECOND} writes a second among them`,
      columns: ["", "value"],
      rows: [
        ["first view of all rows, on loopback", `${Math.round(view)} ms`],
        ["of that, until the bundle is there", `${Math.round(median(bundles))} ms`],
        ["until the API begins to answer", `${Math.round(median(answers))} ms`],
        ["main thread busy", `${load.toFixed(1)} %`],
      ],
      goals: [
        { what: "first view", limit: `< ${GOAL_FIRST_VIEW_MS} ms`, value: `${Math.round(view)} ms`, reached: view < GOAL_FIRST_VIEW_MS },
        { what: "main thread busy", limit: `< ${GOAL_BUSY_PERCENT} %`, value: `${load.toFixed(1)} %`, reached: load < GOAL_BUSY_PERCENT },
      ],
      notes: ["Server, its 200 collectors, the source and the browser share the machine."],
      data: { firstViewMs: views, bundleMs: bundles, answerMs: answers, busyPercent: busy },
    };
  } finally {
    stop.abort();
    await writing;
    await browser.close();
    server.kill("SIGTERM");
    await ended;
    for (let index = 0; index < CLUSTERS; index++) await source.client.db(`dashboard_${index}`).dropDatabase();
  }
}

/** @param {string} url @param {string} database @param {string} connectionString @param {string} storeUri */
async function register(url, database, connectionString, storeUri) {
  const body = JSON.stringify({ name: database, connectionString, storeUri, database, capture: "change-stream" });
  const response = await fetch(`${url}/api/clusters`, { method: "POST", headers: { "content-type": "application/json" }, body });
  if (!response.ok) throw new Error(await response.text());
}

/** @param {string} url @returns {Promise<{ state: string }[]>} */
const clusters = async (url) => /** @type {any} */ (await (await fetch(`${url}/api/clusters`)).json());

/** @param {import("mongodb").MongoClient} client @param {readonly string[]} databases @param {AbortSignal} signal */
async function write(client, databases, signal) {
  for (let count = 0; !signal.aborted; count++) {
    await client
      .db(databases[count % databases.length])
      .collection("c")
      .insertOne({ count });
    await new Promise((resolve) => setTimeout(resolve, 1000 / WRITES_PER_SECOND));
  }
}

/** @param {import("playwright-core").Browser} browser @param {string} url */
async function watch(browser, url) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: "en-US" });
  const page = await context.newPage();
  // Asked by the page itself at each frame: what is asked from outside comes late.
  await page.addInitScript(`(function look() {
    const list = document.querySelector("oplog-dashboard")?.shadowRoot?.querySelector("oplog-cluster-list");
    if ((list?.shadowRoot?.querySelectorAll("tbody tr").length ?? 0) >= ${CLUSTERS}) globalThis.firstView = performance.now();
    else requestAnimationFrame(look);
  })();
  const ask = globalThis.fetch;
  globalThis.fetch = async (...request) => {
    const response = await ask(...request);
    if (String(request[0]).endsWith("/stream")) globalThis.answered = performance.now();
    return response;
  };`);
  await page.goto(url);
  const firstViewMs = Number(await waitFor("the first view", () => page.evaluate("globalThis.firstView")));
  const [bundleMs, answerMs] = /** @type {[number, number]} */ (
    await page.evaluate(
      `[performance.getEntriesByType("resource").find(({ name }) => name.endsWith("/oplog.js")).responseEnd, globalThis.answered]`,
    )
  );
  const debugging = await context.newCDPSession(page);
  await debugging.send("Performance.enable");
  const taskSeconds = async () =>
    (await debugging.send("Performance.getMetrics")).metrics.find(({ name }) => name === "TaskDuration")?.value ?? Number.NaN;
  const [began, before] = [performance.now(), await taskSeconds()];
  await new Promise((resolve) => setTimeout(resolve, WATCHED_MS));
  const busyPercent = (((await taskSeconds()) - before) / ((performance.now() - began) / 1000)) * 100;
  await context.close();
  return { firstViewMs, bundleMs, answerMs, busyPercent };
}
