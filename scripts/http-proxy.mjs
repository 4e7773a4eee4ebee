/**
 * An HTTP proxy on 127.0.0.1 that fails on demand, between a client of an object store and its server:
 *
 *   proxy.onRequest(({ method }) => method === 'PUT' ? 'forward-then-cut' : 'forward');
 */
import { createServer, request as httpRequest } from "node:http";

/** @typedef {import('node:http').IncomingMessage} IncomingMessage */
/**
 * - `forward`: as if there were no proxy.
 * - `cut`: the connection ends, and the server never sees the request.
 * - `forward-then-cut`: the server does what it is asked, and its answer never comes.
 * - a status and an S3 error code: the server never sees the request, the client gets this answer.
 * - the same with `forward`: the server does what it is asked, and the client gets this answer instead of its own.
 * @typedef {'forward' | 'cut' | 'forward-then-cut' | { status: number, code: string, forward?: boolean }} Decision
 */

/** @param {{ port: number }} target */
export async function startHttpProxy(target) {
  const proxy = new HttpProxy(target.port);
  await proxy.listen();
  return proxy;
}

class HttpProxy {
  #target;
  #server = createServer((request, response) => void this.#pass(request, response));
  /** @type {(request: IncomingMessage) => Decision | Promise<Decision>} */
  #decide = () => "forward";
  /** Headers that the server is not to see. @type {string[]} */
  stripped = [];

  /** @param {number} target */
  constructor(target) {
    this.#target = target;
  }

  get port() {
    return /** @type {import('node:net').AddressInfo} */ (this.#server.address()).port;
  }

  /** @param {(request: IncomingMessage) => Decision | Promise<Decision>} decide may wait, for a late answer */
  onRequest(decide) {
    this.#decide = decide;
  }

  heal() {
    this.#decide = () => "forward";
  }

  async listen() {
    await new Promise((resolve, reject) => {
      this.#server.once("error", reject).listen(0, "127.0.0.1", () => resolve(undefined));
    });
  }

  async close() {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  async [Symbol.asyncDispose]() {
    await this.close();
  }

  /** @param {IncomingMessage} request @param {import('node:http').ServerResponse} response */
  async #pass(request, response) {
    const chunks = [];
    try {
      for await (const chunk of request) chunks.push(chunk);
      const decision = await this.#decide(request);
      if (decision === "cut") return void request.socket.destroy();
      const made = typeof decision === "object" ? decision : undefined;
      const answer = made && !made.forward ? undefined : await this.#forward(request, Buffer.concat(chunks));
      if (decision === "forward-then-cut") return void request.socket.destroy();
      if (made) {
        response.writeHead(made.status, { "content-type": "application/xml" });
        response.end(`<?xml version="1.0"?><Error><Code>${made.code}</Code><Message>made by the proxy</Message></Error>`);
      } else if (answer) {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        response.end(answer.body);
      }
    } catch {
      request.socket.destroy(); // either side is gone
    }
  }

  /** @param {IncomingMessage} from @param {Buffer} body @returns {Promise<IncomingMessage & { body: Buffer }>} */
  #forward({ method, url, headers }, body) {
    const kept = Object.fromEntries(Object.entries(headers).filter(([name]) => !this.stripped.includes(name)));
    return new Promise((resolve, reject) => {
      const forwarded = httpRequest({ host: "127.0.0.1", port: this.#target, method, path: url, headers: kept }, (answer) => {
        const chunks = /** @type {Buffer[]} */ ([]);
        answer
          .on("data", (chunk) => chunks.push(chunk))
          .once("error", reject)
          .once("end", () => resolve(Object.assign(answer, { body: Buffer.concat(chunks) })));
      });
      forwarded.once("error", reject);
      forwarded.end(body);
    });
  }
}
