/** A page of your own with some of the elements in it, under a strict policy. Run: METADATA_URI=mongodb://127.0.0.1/oplog node app.mjs */
import { readdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { serve } from "@hono/node-server";
import { createApi, readTokens } from "@oplog-collector/http-adapter";
import { createManager, SecretBox } from "@oplog-collector/manager";
import { Hono } from "hono";

const manager = await createManager({
  metadataUri: process.env.METADATA_URI,
  secrets: await SecretBox.fromKeyFile(process.env.KEY_FILE ?? "./encryption.key"),
  runner: "in-process",
});
await manager.begin();

// Your own session would know this; the page gets it from there, and never from a file.
const token = "a-token-of-your-own-session";

const app = new Hono();
app.use(async (c, next) => {
  await next();
  c.header("content-security-policy", "default-src 'self'");
});
app.route("/oplog/api", createApi(manager, { authorize: readTokens(`page:viewer:${token}`) }));
app.get("/session/token", (c) => c.text(token));

// The elements, and beside them the chart library, which they load when the first chart is drawn.
const bundle = dirname(fileURLToPath(import.meta.resolve("@oplog-collector/web-components/bundle")));
const files = { "/": "index.html", "/page.css": "page.css", "/page.js": "page.js" };
const types = { html: "text/html; charset=utf-8", css: "text/css", js: "text/javascript", svg: "image/svg+xml" };
for (const file of (await readdir(bundle)).filter((name) => /\.(js|svg)$/.test(name)))
  app.get(`/${file}`, async (c) =>
    c.body(await readFile(join(bundle, file), "utf8"), 200, { "content-type": types[file.split(".").at(-1)] }),
  );
for (const [path, file] of Object.entries(files))
  app.get(path, async (c) =>
    c.body(await readFile(new URL(file, import.meta.url), "utf8"), 200, { "content-type": types[file.split(".").at(-1)] }),
  );

const server = serve({ fetch: app.fetch, hostname: "127.0.0.1", port: Number(process.env.PORT ?? 3000) }, ({ port }) =>
  console.log(`The page is at http://127.0.0.1:${port}`),
);
process.once("SIGINT", async () => {
  server.close();
  server.closeAllConnections();
  await manager.end();
});
