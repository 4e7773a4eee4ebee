/**
 * `npm run demo`: the server with a sample cluster, and its dashboard. Everything runs on 127.0.0.1 in a temporary folder and is gone after Ctrl-C.
 */
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stderr, stdout } from "node:process";
import { fileURLToPath } from "node:url";
import { freePort } from "./free-port.mjs";
import { waitFor } from "./wait-for.mjs";

const MAIN = fileURLToPath(new URL("../apps/server/dist/main.js", import.meta.url));

const folder = await mkdtemp(join(tmpdir(), "oplog-demo-"));
const port = process.env.PORT ?? String(await freePort());
const server = spawn(process.execPath, [MAIN, "--port", port, "--data-dir", join(folder, "data"), "--log-dir", join(folder, "logs")], {
  // Ctrl-C reaches us alone, and we end the server in order.
  detached: true,
  stdio: ["ignore", "ignore", "inherit"],
});
const ended = new Promise((resolve) => server.once("exit", resolve));
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => server.kill("SIGTERM"));
try {
  stderr.write("Starting the server, and a small MongoDB to capture (all on 127.0.0.1) …\n");
  const url = `http://127.0.0.1:${port}`;
  await waitFor("the server", async () => server.exitCode !== null || (await fetch(`${url}/livez`)).ok);
  const response = await fetch(`${url}/api/sample`, { method: "POST" });
  if (!response.ok) throw new Error(`The sample cluster did not start: ${await response.text()}`);
  stdout.write(
    `\n  The dashboard, with a shop that is being captured:  ${url}/#/clusters/sample\n  Ctrl-C ends it and removes everything.\n\n`,
  );
  openInBrowser(`${url}/#/clusters/sample`);
  await ended;
} finally {
  server.kill("SIGTERM");
  await ended;
  await rm(folder, { recursive: true, force: true });
}

/**
 * Only where somebody sits at a screen; what can't be opened is printed above.
 *
 * @param {string} url
 */
function openInBrowser(url) {
  const command = process.platform === "darwin" ? "open" : process.env.DISPLAY || process.env.WAYLAND_DISPLAY ? "xdg-open" : null;
  if (!stdout.isTTY || command === null) return;
  spawn(command, [url], { stdio: "ignore", detached: true })
    .on("error", () => {})
    .unref();
}
