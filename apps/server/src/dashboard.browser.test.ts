import { randomBytes, randomUUID } from "node:crypto";
import { type Db, MongoClient } from "mongodb";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { launchBrowser } from "../../../scripts/browser.mjs";
import { startReplicaSet } from "../../../scripts/replica-set.mjs";
import { waitFor } from "../../../scripts/wait-for.mjs";
import { violationsOf } from "./accessibility-for-test.js";
import { DashboardForTest, Tab } from "./dashboard-for-test.js";
import { overflowing } from "./overflow-for-test.js";

/** What the browser says of a server that is away, or that refuses: the tests below see to both. */
const AWAY = /ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_EMPTY_RESPONSE|ERR_CONNECTION_RESET/;
const REFUSED = /status of (401|403|409|422)/;

const PAGES = [
  "",
  "register",
  "clusters/shop",
  "clusters/shop/events",
  "clusters/shop/history",
  "clusters/shop/restore",
  "clusters/shop/log",
  "clusters/shop/settings",
];

let browser: Browser;
let source: Awaited<ReturnType<typeof startReplicaSet>>;
let target: Awaited<ReturnType<typeof startReplicaSet>>;
let client: MongoClient;
let dashboard: DashboardForTest;
const key = randomBytes(32).toString("hex");
const metadata = `dashboard_${randomUUID().slice(0, 8)}`;
const metadataUri = (): string => inject("mongodbUri").replace(/\/(\?|$)/, `/${metadata}$1`);

beforeAll(async () => {
  [browser, source, target] = await Promise.all([
    launchBrowser(),
    // Its oplog is cut to a megabyte at each checkpoint of the storage engine: each second.
    startReplicaSet({ name: "source", oplogSizeMB: 1, args: ["--syncdelay", "1"] }),
    startReplicaSet({ name: "target" }),
  ]);
  client = new MongoClient(source.uri);
  dashboard = await DashboardForTest.open(metadataUri(), { ENCRYPTION_KEY: key });
}, 120_000);

afterAll(async () => {
  await browser?.close();
  await dashboard?.[Symbol.asyncDispose]();
  await client?.close();
  await Promise.all([source?.stop(), target?.stop()]);
  const shared = new MongoClient(inject("mongodbUri"));
  await shared.db(metadata).dropDatabase();
  await shared.close();
});

const hashOf = async (db: Db) => (await db.command({ dbHash: 1 })).collections as Record<string, string>;
const register = async (page: Page, name: string, uri = source.uri) => {
  await page.getByLabel("Name", { exact: true }).fill(name);
  await page.getByLabel("Source", { exact: true }).fill(uri);
  await page.getByLabel("Store", { exact: true }).fill(dashboard.storeUri);
  await page.getByText("Capture, retention").click();
  await page.getByLabel("Recovery point").fill("100");
  await page.getByRole("button", { name: "Register" }).click();
};
const shows = (page: Page, words: string, timeout?: number) =>
  page.locator("oplog-cluster-page .head").getByText(words, { exact: true }).waitFor({ timeout });

test("from registering to a restore to just before a drop, with the same dbHash", async () => {
  const shop = client.db("shop");
  const orders = shop.collection<{ _id: number; status?: string }>("orders");
  await orders.insertMany(Array.from({ length: 50 }, (_, _id) => ({ _id })));
  const tab = await Tab.open(browser, dashboard.url, { allowed: [REFUSED] });
  const { page } = tab;
  await page.getByRole("link", { name: "Register a cluster" }).click();
  await page.getByRole("button", { name: "Register" }).click();
  await page.getByText("A name is needed").waitFor();
  expect(await page.getByLabel("Name", { exact: true }).evaluate((input) => input.matches(":focus"))).toBe(true);
  await page.getByLabel("Source", { exact: true }).fill(source.uri);
  await page.getByRole("button", { name: "Test connection" }).click();
  await page.getByText("The connection works").waitFor();
  await register(page, "shop");
  await shows(page, "Running");

  await page.getByRole("button", { name: "Take a base snapshot" }).click();
  await waitFor("the base snapshot", async () => {
    // It is complete once the log has got past it, which takes an idle source ten seconds.
    await client.db("elsewhere").collection("ticks").insertOne({});
    return await page.getByText("Base snapshot done").isVisible();
  });
  await orders.updateOne({ _id: 7 }, { $set: { status: "paid" } });
  await page.getByRole("link", { name: "Events" }).click();
  await page.getByRole("button", { name: "Live" }).click();
  await page.getByRole("button", { name: /update.*shop\.orders.*7.*status/ }).click();
  await page.locator(".changes").getByText('"paid"').waitFor();
  await page.getByRole("button", { name: "Document history" }).click();
  await page.getByLabel("Versions").getByText("update").waitFor();

  const before = await hashOf(shop);
  await orders.drop();
  await page.getByRole("link", { name: "Overview" }).click();
  await page.getByRole("button", { name: /shop\.orders dropped/ }).click();
  await page.getByText("Can be restored, from the base snapshot").waitFor();
  await page.getByRole("link", { name: "Restore to here" }).click();
  await page.getByRole("textbox", { name: "Target" }).fill(target.uri);
  await page.getByText("Filters, renames").click();
  await page.getByLabel("Only these").fill("shop.*");
  await page.getByRole("button", { name: "Show the plan" }).click();
  await page.getByText("Then the log, up to").waitFor();
  const restore = page.getByRole("button", { name: "Restore", exact: true });
  expect(await restore.isDisabled()).toBe(true);
  await page.getByLabel("Type shop to confirm").fill("shop");
  await restore.click();
  await page.getByText("The target is in the state of the chosen moment.").waitFor();
  const restored = new MongoClient(target.uri);
  expect(await hashOf(restored.db("shop"))).toEqual(before);
  await restored.close();
  expect(tab.offences).toEqual([]);
  await tab.close();
});

test("what is not in the log is told in a line, and on demand with why and what to do", async () => {
  await using guarded = await startReplicaSet({ name: "guarded", auth: true });
  await using admin = new MongoClient(guarded.uri);
  await admin.db("admin").command({ createUser: "reader", pwd: "secret", roles: ["readAnyDatabase"] });
  await admin.db("admin").collection("notes").insertOne({ text: "in no change stream" });
  const uri = guarded.uri.replace(/\/\/[^@]*@/, "//reader:secret@");
  const tab = await Tab.open(browser, `${dashboard.url}/#/register`);
  const { page } = tab;
  await register(page, "guarded", uri);
  const notice = page.getByRole("region", { name: "What is not in the log" });
  await notice.getByText(/Not in the log: .*collections of yours in admin/).waitFor();
  expect(await notice.getByText("database of their own").isVisible()).toBe(false);
  await notice.locator("summary").press("Enter");
  await notice.getByText("admin.notes").waitFor();
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    expect([colorScheme, await violationsOf(page)]).toEqual([colorScheme, []]);
  }
  await page.setViewportSize({ width: 360, height: 740 });
  expect(await overflowing(page)).toEqual([]);
  await admin.db("admin").command({ grantRolesToUser: "reader", roles: ["clusterMonitor", "backup"] });
  const cluster = `${dashboard.url}/api/clusters/guarded`;
  for (const command of ["stop", "start"]) expect((await fetch(`${cluster}/${command}`, { method: "POST" })).status).toBe(202);
  await notice.waitFor({ state: "detached" });
  expect(tab.offences).toEqual([]);
  await tab.close();
  expect((await fetch(cluster, { method: "DELETE" })).ok).toBe(true);
});

test("every page is accessible in light and dark, on a desk and on a telephone", async () => {
  for (const dark of [false, true]) {
    const tab = await Tab.open(browser, dashboard.url, { dark });
    const { page } = tab;
    for (const path of PAGES) {
      await page.setViewportSize(path.length % 2 === Number(dark) ? { width: 1440, height: 900 } : { width: 390, height: 844 });
      await page.goto(`${dashboard.url}/#/${path}`);
      await page.locator("h1").first().waitFor();
      await page.locator("[aria-busy]").waitFor({ state: "detached" });
      expect([path, dark, await violationsOf(page)]).toEqual([path, dark, []]);
    }
    expect(tab.offences).toEqual([]);
    await tab.close();
  }
}, 90_000);

test("every page, and every step of the wizard, fits a telephone and a wall", async () => {
  const tab = await Tab.open(browser, dashboard.url);
  const { page } = tab;
  for (const width of [360, 2560]) {
    await page.setViewportSize({ width, height: 900 });
    const fits = async (what: string) => expect([what, width, await overflowing(page)]).toEqual([what, width, []]);
    for (const path of PAGES) {
      await page.goto(`${dashboard.url}/#/${path}`);
      await page.locator("h1").first().waitFor();
      await page.locator("[aria-busy]").waitFor({ state: "detached" });
      await fits(path);
    }
    await page.goto(`${dashboard.url}/#/clusters/shop/events`);
    await page.locator("button.event").first().click();
    await page.getByRole("button", { name: "Copy Extended JSON" }).waitFor();
    await fits("an event");
    await page.goto(`${dashboard.url}/#/clusters/shop/restore`);
    await page.getByRole("button", { name: /shop\.orders dropped/ }).click();
    await fits("a moment");
    await page.getByText("Filters, renames").click();
    // To another place: this target holds what the test before restored.
    await page.getByLabel("Rename").fill("shop.*=a_database_of_a_long_name_for_what_was_before.*");
    await page.getByRole("textbox", { name: "Target" }).fill(target.uri);
    await fits("a target");
    await page.getByRole("button", { name: "Show the plan" }).click();
    await page.getByText("Then the log, up to").waitFor();
    await page.getByText("Collections", { exact: true }).click();
    await page.getByLabel("Type shop to confirm").waitFor();
    await fits("a plan, and its confirmation");
  }
  expect(tab.offences).toEqual([]);
  await tab.close();
});

test("by keyboard: from the list to a cluster, along its timeline to a moment, and to its restore", async () => {
  const tab = await Tab.open(browser, dashboard.url);
  const { page } = tab;
  await page.getByRole("link", { name: "shop" }).focus();
  await page.keyboard.press("Enter");
  const timeline = page.getByRole("slider", { name: "Coverage of shop" });
  await page.getByRole("button", { name: /shop\.orders dropped/ }).waitFor();
  await timeline.focus();
  /** Presses a key, and waits for the cursor to be somewhere else. */
  const move = async (key: string) => {
    const before = await timeline.getAttribute("aria-valuetext");
    await page.keyboard.press(key);
    await waitFor(`${key} to move the cursor`, async () => (await timeline.getAttribute("aria-valuetext")) !== before);
  };
  await move("End");
  await page.keyboard.press("+");
  await move("Shift+ArrowLeft");
  // Of an idle source, the log may end right after the drop: where the cursor is now, the drop may be before it or behind it.
  await move("Home");
  await move("n");
  await page.getByText("cluster time").waitFor();
  await page.keyboard.press("-");
  await move("Shift+ArrowRight");
  await page.getByText("cluster time").waitFor({ state: "detached" });
  await move("p");
  await page.getByText("cluster time").waitFor();
  await page.getByRole("link", { name: "Restore to here" }).focus();
  await page.keyboard.press("Enter");
  await page.getByText("Show the plan").waitFor();
  expect(await page.getByLabel("Restore to", { exact: true }).inputValue()).toMatch(/^\d+,\d+$/);
  await page.goto(`${dashboard.url}/#/clusters/shop/settings`);
  await page.getByRole("button", { name: "Remove …" }).press("Enter");
  const remove = page.getByRole("button", { name: "Remove and wipe" });
  await remove.waitFor();
  expect(await remove.isDisabled()).toBe(true);
  await page.keyboard.press("Escape");
  await remove.waitFor({ state: "hidden" });
  expect(tab.offences).toEqual([]);
  await tab.close();
});

test("what is done in one tab shows in another, and a server that restarts is found again", async () => {
  const tabs = await Promise.all([1, 2].map(() => Tab.open(browser, `${dashboard.url}/#/clusters/shop`, { allowed: [AWAY] })));
  const [one, two] = tabs.map(({ page }) => page) as [Page, Page];
  await shows(two, "Running");
  await one.getByRole("button", { name: "Stop" }).click();
  await shows(two, "Stopped");
  await two.getByRole("button", { name: "Start", exact: true }).click();
  await shows(one, "Running");
  await dashboard.stop();
  await Promise.all([one, two].map((page) => page.getByText("Connection lost").waitFor()));
  await dashboard.start();
  await Promise.all([one, two].map((page) => page.getByText("Live", { exact: true }).waitFor()));
  await shows(one, "Running");
  expect(tabs.flatMap(({ offences }) => offences)).toEqual([]);
  await Promise.all(tabs.map((tab) => tab.close()));
});

test("history that is lost is said, and gone on from over a gap", async () => {
  const tab = await Tab.open(browser, `${dashboard.url}/#/clusters/shop`);
  const { page } = tab;
  await page.getByRole("button", { name: "Stop" }).click();
  await shows(page, "Stopped");
  const oplog = client.db("local").collection("oplog.rs");
  const [{ ts: end } = { ts: null }] = await oplog.find().sort({ $natural: -1 }).limit(1).toArray();
  await waitFor("the oplog to roll over", async () => {
    await client
      .db("filler")
      .collection("c")
      .insertOne({ pad: "x".repeat(500_000) });
    const [first] = await oplog.find().sort({ $natural: 1 }).limit(1).toArray();
    return first!.ts.gt(end);
  });
  await page.getByRole("button", { name: "Start", exact: true }).click();
  await shows(page, "History lost");
  await page.getByRole("button", { name: "Continue over the gap" }).click();
  await page.getByRole("button", { name: "Continue", exact: true }).click();
  await shows(page, "Running");
  await page.locator("oplog-coverage-timeline g.gap").waitFor({ state: "attached" });
  expect(tab.offences).toEqual([]);
  await tab.close();
});

test("a source that is killed shows within three seconds", async () => {
  const tab = await Tab.open(browser, `${dashboard.url}/#/clusters/shop`);
  await shows(tab.page, "Running");
  await source.member(0).kill();
  await shows(tab.page, "Retrying", 3_000);
  expect(tab.offences).toEqual([]);
  await tab.close();
});

test("without a token it asks for one; a viewer gets nothing to change things with", async () => {
  const viewer = "viewer-token-0123456789";
  await using guarded = await DashboardForTest.open(metadataUri(), {
    ENCRYPTION_KEY: key,
    AUTH_TOKENS: `vera:viewer:${viewer}`,
    NODE_NAME: "guarded",
  });
  const tab = await Tab.open(browser, guarded.url, { allowed: [REFUSED] });
  const { page } = tab;
  await page.getByLabel("Token").fill("wrong-token-0123456789");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("That token is not accepted.").waitFor();
  await page.getByLabel("Token").fill(viewer);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("link", { name: "shop" }).click();
  await page.getByRole("heading", { name: "shop" }).waitFor();
  expect(await page.getByRole("button", { name: /^(Stop|Start|Take a base snapshot|Verify)$/ }).count()).toBe(0);
  expect(tab.offences).toEqual([]);
  await tab.close();
});
