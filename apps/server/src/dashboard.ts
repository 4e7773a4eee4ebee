import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { Hono } from "hono";

/** Nothing inline, nothing from elsewhere, in no frame of others: what is not the page's own file is not loaded. */
const CONTENT_SECURITY_POLICY =
  "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'; require-trusted-types-for 'script'; trusted-types lit-html";

const TYPES: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};

interface PageFile {
  plain: Uint8Array<ArrayBuffer>;
  gzipped: Uint8Array<ArrayBuffer>;
  type: string;
  etag: string;
}

/** The dashboard's page and its files: a few, read once. */
export async function dashboardPage(folder = bundleFolder()): Promise<Hono> {
  const app = new Hono();
  for (const name of await readdir(folder)) {
    const file = await readPageFile(join(folder, name));
    if (file === null) continue;
    app.get(name === "index.html" ? "/" : `/${name}`, (c) => {
      const headers = {
        "content-type": file.type,
        "content-security-policy": CONTENT_SECURITY_POLICY,
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        // The names do not change with their content: asked each time, sent when it is another.
        "cache-control": "no-cache",
        etag: file.etag,
        vary: "accept-encoding",
      };
      if (c.req.header("if-none-match") === file.etag) return c.body(null, 304, headers);
      const gzip = /\bgzip\b/.test(c.req.header("accept-encoding") ?? "");
      return c.body(gzip ? file.gzipped : file.plain, 200, gzip ? { ...headers, "content-encoding": "gzip" } : headers);
    });
  }
  return app;
}

const bundleFolder = (): string => dirname(fileURLToPath(import.meta.resolve("@oplog-collector/web-components/bundle")));

async function readPageFile(path: string): Promise<PageFile | null> {
  const type = TYPES[extname(path)];
  if (type === undefined) return null;
  const plain = Uint8Array.from(await readFile(path));
  const etag = `"${createHash("sha256").update(plain).digest("hex").slice(0, 32)}"`;
  return { plain, gzipped: Uint8Array.from(gzipSync(plain, { level: 9 })), type, etag };
}
