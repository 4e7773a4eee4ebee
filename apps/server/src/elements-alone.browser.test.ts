import { randomBytes, randomUUID } from "node:crypto";
import { MongoClient } from "mongodb";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { launchBrowser } from "../../../scripts/browser.mjs";
import { waitFor } from "../../../scripts/wait-for.mjs";
import { DashboardForTest, Tab } from "./dashboard-for-test.js";
import { overflowing } from "./overflow-for-test.js";

/** Each as somebody would write it into a page, and what it shows once it has asked the API. */
const ELEMENTS: Record<string, { attributes: string; shows: string }> = {
  "oplog-dashboard": { attributes: 'routing="memory"', shows: "shop" },
  "oplog-cluster-list": { attributes: "", shows: "shop" },
  "oplog-cluster-card": { attributes: 'cluster="shop"', shows: "Running" },
  "oplog-cluster-form": { attributes: 'cluster="shop"', shows: "Leave empty to keep it" },
  "oplog-cluster-page": { attributes: 'cluster="shop"', shows: "About" },
  "oplog-coverage-timeline": { attributes: 'cluster="shop"', shows: "Choose a moment" },
  "oplog-lag-chart": { attributes: 'cluster="shop"', shows: "Lag" },
  "oplog-rate-chart": { attributes: 'cluster="shop"', shows: "insert" },
  "oplog-log-tail": { attributes: 'cluster="shop"', shows: "the collector starts" },
  "oplog-event-browser": { attributes: 'cluster="shop"', shows: "wrote" },
  "oplog-restore-wizard": { attributes: 'cluster="shop"', shows: "Choose a moment" },
  "oplog-document-history": { attributes: 'cluster="shop" ns="NS" document-id=\'{"$numberInt":"7"}\'', shows: "insert" },
};
const NAMES = Object.keys(ELEMENTS);

const database = `alone_${randomUUID().slice(0, 8)}`;
/** A name without a place to break, as people give them: it must not push anything out of a telephone. */
const namespace = `${database}.orders_of_the_year_2026_by_customer_and_warehouse`;
const withDatabase = (name: string) => inject("mongodbUri").replace(/\/(\?|$)/, `/${name}$1`);

const key = randomBytes(32).toString("hex");

let browser: Browser;
let client: MongoClient;
let dashboard: DashboardForTest;

beforeAll(async () => {
  browser = await launchBrowser();
  client = new MongoClient(inject("mongodbUri"));
  dashboard = await DashboardForTest.open(withDatabase(`${database}_metadata`), { ENCRYPTION_KEY: key });
  const body = { name: "shop", connectionString: inject("mongodbUri"), storeUri: dashboard.storeUri, database, rpoMs: 100 };
  await ask("POST", "/clusters", body);
  await waitFor("the cluster to run", async () => (await ask("GET", "/clusters/shop")).coveredTo);
  await client
    .db(database)
    .collection<{ _id: number; pad: string }>(namespace.split(".")[1]!)
    .insertOne({ _id: 7, pad: "x".repeat(300) });
  await waitFor("the event", async () => (await ask("GET", "/clusters/shop/events")).rows.length > 0);
});

afterAll(async () => {
  await browser?.close();
  await dashboard?.[Symbol.asyncDispose]();
  for (const name of [database, `${database}_metadata`]) await client?.db(name).dropDatabase();
  await client?.close();
});

// biome-ignore lint/suspicious/noExplicitAny: answers of many routes, looked into for one field
async function ask(method: string, path: string, body?: object): Promise<any> {
  const response = await fetch(`${dashboard.url}/api${path}`, {
    method,
    headers: { "content-type": "application/json" },
    ...(body && { body: JSON.stringify(body) }),
  });
  return response.json();
}

/** A page of somebody else's, with one element on it. */
async function openAlone(page: Page, url: string, name: string, attributes: string): Promise<void> {
  await page.route(`${url}/alone`, (route) =>
    route.fulfill({
      headers: { "content-security-policy": "default-src 'self'" },
      contentType: "text/html",
      body: `<!doctype html><html lang="en"><head><title>alone</title><meta name="viewport" content="width=device-width"><link rel="icon" href="/favicon.svg"></head>
        <body><${name} ${attributes}></${name}><script type="module" src="/oplog.js"></script></body></html>`,
    }),
  );
  await page.goto(`${url}/alone`);
}

const attributesOf = (name: string): string => ELEMENTS[name]!.attributes.replace("NS", namespace);

async function shown(page: Page, name: string): Promise<void> {
  await page.locator(name).getByText(ELEMENTS[name]!.shows).first().waitFor();
  await page.locator("[aria-busy]").waitFor({ state: "detached" });
}

test.each(NAMES)("%s alone fits a telephone and a wall, in light and in dark", async (name) => {
  const tab = await Tab.open(browser, `${dashboard.url}/favicon.svg`);
  const { page } = tab;
  const colors = new Set<string>();
  for (const theme of ["light", "dark"]) {
    await page.setViewportSize({ width: 360, height: 740 });
    await openAlone(page, dashboard.url, name, `theme="${theme}" ${attributesOf(name)}`);
    await shown(page, name);
    colors.add(await page.evaluate(`getComputedStyle(document.querySelector("${name}")).color`));
    expect([name, 360, await overflowing(page)]).toEqual([name, 360, []]);
    await page.setViewportSize({ width: 2560, height: 1440 });
    await shown(page, name);
    expect([name, 2560, await overflowing(page)]).toEqual([name, 2560, []]);
  }
  expect(colors.size).toBe(2);
  expect(tab.offences).toEqual([]);
  await tab.close();
});

test.each(NAMES)("%s that is readonly offers nothing that changes anything, and nothing can be triggered in it", async (name) => {
  const tab = await Tab.open(browser, `${dashboard.url}/favicon.svg`);
  const { page } = tab;
  const changes: string[] = [];
  page.on("request", (request) => request.method() !== "GET" && changes.push(`${request.method()} ${request.url()}`));
  await openAlone(page, dashboard.url, name, `readonly ${attributesOf(name)}`);
  await shown(page, name);
  const offered = await page.getByRole("button").or(page.getByRole("link")).allInnerTexts();
  expect(
    offered.filter((words) => /register|save|test connection|start|stop|snapshot|verify|reset|remove|restore|cancel|plan/i.test(words)),
  ).toEqual([]);
  // Also what somebody does who has found a way to press what is hidden or disabled.
  await page.evaluate(pressEverything);
  await requestsAreOut(page);
  expect(changes).toEqual([]);
  expect(tab.offences).toEqual([]);
  await tab.close();
});

/** What the page has asked for until now has been seen: requests are told of in order. */
const requestsAreOut = (page: Page): Promise<unknown> => page.evaluate('fetch("/favicon.svg").then(({ status }) => status)');

/** In the page: submits each form and presses each button of each shadow root. */
const pressEverything = `(function press(root) {
  for (const element of root.querySelectorAll("*")) {
    if (element.shadowRoot) press(element.shadowRoot);
    if (element instanceof HTMLFormElement) element.dispatchEvent(new SubmitEvent("submit", { bubbles: true, cancelable: true }));
    if (element instanceof HTMLButtonElement) { element.disabled = false; element.click(); }
  }
})(document)`;

test.each([401, 403])(
  "an API that answers %d is told, and not asked over and over",
  async (status) => {
    await using guarded = await DashboardForTest.open(withDatabase(`${database}_metadata`), {
      ENCRYPTION_KEY: key,
      AUTH_TOKENS: "vera:viewer:viewer-token-0123456789",
      NODE_NAME: "guarded",
    });
    const tab = await Tab.open(browser, `${guarded.url}/favicon.svg`, { allowed: [/status of (401|403)/] });
    const { page } = tab;
    let asked = 0;
    await page.route(`${guarded.url}/api/**`, async (route) => {
      asked++;
      // A server before ours may refuse whom ours knows.
      const problem = {
        status: 403,
        contentType: "application/problem+json",
        body: JSON.stringify({ title: "Forbidden", detail: "Not for you" }),
      };
      await (status === 403 ? route.fulfill(problem) : route.continue());
    });
    await page.clock.install();
    for (const name of NAMES) {
      await openAlone(page, guarded.url, name, attributesOf(name));
      if (name === "oplog-dashboard" && status === 401) await page.getByRole("heading", { name: "Sign in" }).waitFor();
      else await page.locator(name).getByRole("alert").first().waitFor();
      await page.waitForLoadState("networkidle");
      const before = asked;
      await page.clock.runFor(120_000);
      await page.waitForLoadState("networkidle");
      expect([name, "asked again", asked - before]).toEqual([name, "asked again", 0]);
    }
    expect(tab.offences).toEqual([]);
    await tab.close();
  },
  90_000,
);

test("credentials that the source refuses are told beside its address", async () => {
  const tab = await Tab.open(browser, `${dashboard.url}/#/register`);
  const { page } = tab;
  const { host } = new URL(inject("mongodbUri").replace("mongodb:", "http:"));
  await page.getByLabel("Source", { exact: true }).fill(`mongodb://nobody:Wr0ng!pass@${host}/`);
  await page.getByLabel("Store", { exact: true }).fill(dashboard.storeUri);
  await page.getByRole("button", { name: "Test connection" }).click();
  await page.getByText(/1 of \d+ checks failed/).waitFor();
  const source = page.getByLabel("Source", { exact: true });
  expect(await source.getAttribute("aria-invalid")).toBe("true");
  expect(await source.evaluate((input) => input.matches(":focus"))).toBe(true);
  const problem = await page.locator("#connectionString-problem").textContent();
  expect(problem).toMatch(/user name or password/);
  expect(problem).not.toContain("Wr0ng");
  expect(await page.getByLabel("Store", { exact: true }).getAttribute("aria-invalid")).toBe("false");
  expect(tab.offences).toEqual([]);
  await tab.close();
});
