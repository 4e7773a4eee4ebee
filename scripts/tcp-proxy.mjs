/**
 * A TCP proxy on 127.0.0.1 that fails on demand, between a MongoDB client and a
 * server. Every message is passed on whole, so that a fault can be placed
 * between a command and its answer:
 *
 *   proxy.onClientMessage(({ command }) => command === 'insert' ? 'forward-then-cut-at-answer' : 'forward');
 */
import { createServer } from "node:net";
import { ProxyConnection } from "./proxy-connection.mjs";
import { ProxyFaults } from "./proxy-faults.mjs";

/** @param {{ target: { host?: string, port: number }, port?: number }} options @returns {Promise<TcpProxy>} */
export async function startProxy({ target, port = 0 }) {
  const proxy = new TcpProxy({ host: "127.0.0.1", ...target });
  await proxy.listen(port);
  return proxy;
}

export class TcpProxy extends ProxyFaults {
  #target;
  /** @type {Set<ProxyConnection>} */
  #open = new Set();
  #server = createServer((socket) => this.#accept(socket));
  #refuse = false;
  /** @param {{ host: string, port: number }} target */
  constructor(target) {
    super();
    this.#target = target;
  }

  get port() {
    return /** @type {import('node:net').AddressInfo} */ (this.#server.address()).port;
  }

  /** With `directConnection`, as a client that learns the set's members would then go past the proxy. */
  get uri() {
    return `mongodb://127.0.0.1:${this.port}/?directConnection=true`;
  }

  /** The connections that are open now. @returns {readonly ProxyConnection[]} */
  get connections() {
    return [...this.#open];
  }

  /** Cuts all connections; new ones are accepted. @param {{ reset?: boolean }} [options] */
  drop(options) {
    for (const connection of this.#open) connection.destroy(options);
  }

  /** While true, new connections are reset at once; open ones stay. @param {boolean} refuse */
  refuse(refuse) {
    this.#refuse = refuse;
  }

  /** Ends all faults; open connections stay. @override */
  heal() {
    super.heal();
    this.#refuse = false;
  }

  /** @param {number} port */
  async listen(port) {
    await new Promise((resolve, reject) => {
      this.#server.once("error", reject).listen({ port, host: "127.0.0.1" }, () => resolve(undefined));
    });
  }

  async close() {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.drop();
    this.resume();
    await closed;
  }

  async [Symbol.asyncDispose]() {
    await this.close();
  }

  /** @param {import('node:net').Socket} socket */
  #accept(socket) {
    if (this.#refuse) {
      socket.on("error", () => {}).resetAndDestroy();
      return;
    }
    /** @type {ProxyConnection} */
    const connection = new ProxyConnection(socket, this.#target, this.faults, () => this.#open.delete(connection));
    this.#open.add(connection);
  }
}
