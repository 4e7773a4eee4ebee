import { Hono } from "hono";
import { expect, test } from "vitest";
import { dashboardPage } from "./dashboard.js";

test("serves the dashboard at / and nothing that its page could not load under a strict policy", async () => {
  const app = new Hono().route("/", await dashboardPage());
  const page = await app.request("/");
  const text = await page.text();
  expect(page.headers.get("content-security-policy")).toContain("default-src 'self'");
  expect(text).toContain("<oplog-dashboard");
  expect(text).not.toMatch(/<style|style=|<script(?![^>]* src=)|https?:/);
  const files = [...text.matchAll(/(?:src|href)="\.\/([^"]+)"/g)].map(([, file]) => file!);
  expect(files).toEqual(expect.arrayContaining(["oplog.js", "favicon.svg"]));
  for (const file of files) {
    const first = await app.request(`/${file}`, { headers: { "accept-encoding": "gzip" } });
    expect([file, first.status, first.headers.get("content-encoding")]).toEqual([file, 200, "gzip"]);
    expect((await app.request(`/${file}`, { headers: { "if-none-match": first.headers.get("etag")! } })).status).toBe(304);
  }
});

/** With charts, elements and all: what a browser loads at its first visit. */
const MAX_BUNDLE_BYTES = 120_000;

test("the whole page is at most 120 kB compressed", async () => {
  const app = new Hono().route("/", await dashboardPage());
  let bytes = 0;
  for (const { path } of app.routes)
    bytes += (await (await app.request(path, { headers: { "accept-encoding": "gzip" } })).arrayBuffer()).byteLength;
  expect(app.routes.length).toBeGreaterThan(3);
  expect(bytes).toBeLessThan(MAX_BUNDLE_BYTES);
});
