/** A portal of your own with the collector's API in it: its users, its paths. Run: METADATA_URI=mongodb://127.0.0.1/oplog node app.mjs */
import { serve } from "@hono/node-server";
import { createApi, createHealth } from "@oplog-collector/http-adapter";
import { createManager, SecretBox } from "@oplog-collector/manager";
import { Hono } from "hono";

const manager = await createManager({
  metadataUri: process.env.METADATA_URI,
  secrets: await SecretBox.fromKeyFile(process.env.KEY_FILE ?? "./encryption.key"),
  runner: "in-process",
});
await manager.begin();

// Your own users: here a session cookie that names one.
const users = { anna: { name: "anna", role: "admin" }, vera: { name: "vera", role: "viewer" } };
const identityOf = (request) => users[/session=(\w+)/.exec(request.headers.get("cookie") ?? "")?.[1]] ?? null;

const app = new Hono();
app.get("/", (c) => c.text("The portal"));
app.route("/oplog/api", createApi(manager, { authorize: identityOf }));
app.route("/", createHealth(manager));

const server = serve({ fetch: app.fetch, hostname: "127.0.0.1", port: Number(process.env.PORT ?? 3000) }, ({ port }) =>
  console.log(`The portal is at http://127.0.0.1:${port}`),
);
process.once("SIGINT", async () => {
  server.close();
  server.closeAllConnections();
  await manager.end();
});
