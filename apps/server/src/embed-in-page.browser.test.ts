import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { createManager, SecretBox } from "@oplog-collector/manager";
import { build } from "esbuild";
import { MongoClient } from "mongodb";
import { expect, inject, test } from "vitest";
import { launchBrowser } from "../../../scripts/browser.mjs";
import { waitFor } from "../../../scripts/wait-for.mjs";
import { Tab } from "./dashboard-for-test.js";

const example = fileURLToPath(new URL("../../../examples/embed-in-page/app.mjs", import.meta.url));
const packageFolder = fileURLToPath(new URL("../../../packages/web-components", import.meta.url));

/** A page in React beside the example's own, with the same server behind it. */
const REACT_PAGE = `
  import { createElement } from "react";
  import { createRoot } from "react-dom/client";
  import { ClusterList } from "./dist/react.js";
  const getToken = () => fetch("/session/token").then((response) => response.text());
  const open = (event) => { document.querySelector("output").value = "react: " + event.detail.name; };
  createRoot(document.querySelector("main")).render(createElement(ClusterList, { endpoint: "/oplog/api", getToken, readonly: true, onClusterOpen: open }));
`;

/** As an expression for the page: what something inside an element really looks like. */
const styleIn = (element: string, inside: string, property: string) =>
  `getComputedStyle(document.querySelector("${element}").shadowRoot.querySelector("${inside}")).${property}`;

test("elements work alone on a page of somebody else, and in React: strict policy, host's token, host's look, events", async () => {
  const folder = await mkdtemp(join(tmpdir(), "oplog-page-"));
  const database = `page_${randomUUID().slice(0, 8)}`;
  const uri = inject("mongodbUri");
  const metadataUri = uri.replace(/\/(\?|$)/, `/${database}$1`);
  const keyFile = join(folder, "key");
  const manager = await createManager({ metadataUri, secrets: await SecretBox.fromKeyFile(keyFile) });
  await manager.register({ name: "shop", connectionString: uri, storeUri: pathToFileURL(join(folder, "log")).href, database, rpoMs: 100 });
  await manager.end();
  const child = spawn(process.execPath, [example], {
    env: { ...process.env, METADATA_URI: metadataUri, KEY_FILE: keyFile, PORT: "0" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const browser = await launchBrowser();
  try {
    let output = "";
    child.stdout.on("data", (data) => {
      output += data;
    });
    const url = await waitFor("the page", () => /http:\S+/.exec(output)?.[0] ?? (child.exitCode === null ? null : "gone"));
    const tab = await Tab.open(browser, url);
    const { page } = tab;
    const name = page.locator("oplog-cluster-list").getByRole("button", { name: "shop" });
    await name.click();
    expect(await page.locator("output").textContent()).toBe("shop");
    expect(await page.evaluate(styleIn("oplog-cluster-list", "button.name", "color"))).toBe("rgb(124, 58, 237)");
    const card = page.locator("oplog-cluster-card article");
    expect(await page.evaluate(styleIn("oplog-cluster-card", "article", "borderTopWidth"))).toBe("2px");
    await card.getByText("Running").waitFor();
    await page.getByRole("slider", { name: "Coverage of shop" }).waitFor();
    await page.locator("oplog-lag-chart canvas").waitFor();

    const { outputFiles } = await build({
      stdin: { contents: REACT_PAGE, resolveDir: packageFolder },
      ...{ bundle: true, write: false, format: "esm", minify: true, define: { "process.env.NODE_ENV": '"production"' } },
    });
    const policy = { "content-security-policy": "default-src 'self'" };
    await page.route(`${url}/react`, (route) =>
      route.fulfill({
        headers: policy,
        contentType: "text/html",
        body: '<!doctype html><link rel="icon" href="/favicon.svg"><main></main><output></output><script type="module" src="/react.js"></script>',
      }),
    );
    await page.route(`${url}/react.js`, (route) => route.fulfill({ contentType: "text/javascript", body: outputFiles[0]!.text }));
    await page.goto(`${url}/react`);
    await page.getByRole("button", { name: "shop" }).click();
    expect(await page.locator("output").textContent()).toBe("react: shop");
    expect(tab.offences).toEqual([]);
  } finally {
    await browser.close();
    child.kill("SIGKILL");
    const client = new MongoClient(uri);
    await client.db(database).dropDatabase();
    await client.close();
    await rm(folder, { recursive: true, force: true });
  }
});
