import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { MessageSplitter } from "./wire-messages.mjs";

/** @typedef {import('node:net').Socket} Socket */
/** @typedef {import('./wire-messages.mjs').WireMessage} WireMessage */
/** @typedef {'toServer' | 'toClient'} Direction */
/**
 * What the proxy asks of its faults for each message.
 * @typedef {object} Faults
 * @property {(connection: ProxyConnection, direction: Direction, message: WireMessage) => string | Promise<string>} decide
 * @property {(direction: Direction) => Promise<void>} gate resolves when the direction is not paused
 * @property {() => number} delayMs
 * @property {(connection: ProxyConnection, direction: Direction, length: number) => number} allowance how many of the next `length` bytes may pass; the cut follows when it is not more than those
 */

/** Held back in memory per direction, e.g. while paused; beyond it the sender feels the backpressure. */
const MAX_QUEUED_BYTES = 16 << 20;

/** One client's connection and the one to the server made for it. */
export class ProxyConnection {
  #client;
  #server;
  #faults;
  #pumps;
  #onClose;
  #closed = false;
  /** Request whose answer is swallowed and cuts the connection. @type {number | undefined} */
  #cutAtAnswerTo;
  /** Commands the client has sent: tells monitoring connections from working ones. @type {Set<string>} */
  commands = new Set();
  /** Bytes passed on so far. */
  bytes = { toServer: 0, toClient: 0 };

  /** @param {Socket} client @param {{ host: string, port: number }} target @param {Faults} faults @param {() => void} onClose */
  constructor(client, target, faults, onClose) {
    this.#client = client.setNoDelay();
    this.#server = connect(target).setNoDelay();
    this.#faults = faults;
    for (const socket of [this.#client, this.#server]) {
      socket.on("error", () => {}); // `close` follows
      socket.on("close", () => this.#closed || this.#ended(socket === this.#client ? "toServer" : "toClient"));
    }
    /** @type {Record<Direction, Pump>} */
    this.#pumps = {
      toServer: new Pump(this.#client, (message, arrived) => this.#pass("toServer", message, arrived)),
      toClient: new Pump(this.#server, (message, arrived) => this.#pass("toClient", message, arrived)),
    };
    this.#onClose = onClose;
  }

  /** Cuts it at once, in both directions. @param {{ reset?: boolean }} [options] `reset`: as when a host vanishes, instead of an orderly end */
  destroy({ reset = false } = {}) {
    if (this.#closed) return;
    this.#closed = true;
    for (const socket of [this.#client, this.#server]) {
      if (reset) socket.resetAndDestroy();
      else socket.destroy();
    }
    this.#onClose();
  }

  /** One side is gone: what it had sent still goes to the other one. @param {Direction} direction */
  async #ended(direction) {
    await this.#pumps[direction].drained();
    if (this.#closed) return;
    const to = direction === "toServer" ? this.#server : this.#client;
    to.end(() => this.destroy());
  }

  /** @param {Direction} direction @param {WireMessage} message @param {number} arrived */
  async #pass(direction, message, arrived) {
    if (direction === "toServer" && message.command) this.commands.add(message.command);
    const late = arrived + this.#faults.delayMs() - Date.now();
    if (late > 0) await sleep(late);
    await this.#faults.gate(direction);
    if (this.#closed) return;
    if (direction === "toClient" && this.#cutAtAnswerTo !== undefined && message.responseTo === this.#cutAtAnswerTo) return this.destroy();

    const action = await this.#faults.decide(this, direction, message);
    if (this.#closed || action === "drop") return;
    if (action === "destroy") return this.destroy();
    if (action === "forward-then-cut-at-answer") this.#cutAtAnswerTo = message.requestId;

    const allowance = this.#faults.allowance(this, direction, message.bytes.length);
    const cut = message.bytes.length >= allowance;
    await this.#write(direction, cut ? message.bytes.subarray(0, allowance) : message.bytes);
    if (cut || action === "forward-then-destroy") this.destroy();
  }

  /** @param {Direction} direction @param {Buffer} bytes @returns {Promise<void>} when they are handed to the system */
  #write(direction, bytes) {
    if (bytes.length === 0) return Promise.resolve();
    this.bytes[direction] += bytes.length;
    const to = direction === "toServer" ? this.#server : this.#client;
    return new Promise((resolve) => {
      to.write(bytes, () => resolve()); // also called, with an error, when the socket is destroyed
    });
  }
}

/** Hands over the messages of one socket, each after the one before it is done. */
class Pump {
  #splitter = new MessageSplitter();
  #queued = 0;
  #last = Promise.resolve();

  /** @param {Socket} from @param {(message: WireMessage, arrived: number) => Promise<void>} pass */
  constructor(from, pass) {
    from.on("data", (chunk) => {
      const arrived = Date.now();
      for (const message of this.#splitter.push(/** @type {Buffer} */ (chunk))) {
        this.#queued += message.bytes.length;
        if (this.#queued > MAX_QUEUED_BYTES) from.pause();
        this.#last = this.#last
          .then(() => pass(message, arrived))
          .catch((error) => {
            from.destroy(error); // a hook that throws must not leave the client waiting
          })
          .finally(() => {
            this.#queued -= message.bytes.length;
            if (this.#queued <= MAX_QUEUED_BYTES) from.resume();
          });
      }
    });
  }

  drained() {
    return this.#last;
  }
}
