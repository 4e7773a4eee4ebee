/** The faults of a proxy, as they are ordered at the moment. */

/** @typedef {import('./wire-messages.mjs').WireMessage} WireMessage */
/** @typedef {import('./proxy-connection.mjs').ProxyConnection} ProxyConnection */
/** @typedef {import('./proxy-connection.mjs').Direction} Direction */
/**
 * - `forward`; nothing (undefined) means the same
 * - `drop`: the receiver never sees the message, the connection stays
 * - `destroy`: cut the connection, the receiver never sees the message
 * - `forward-then-destroy`: cut it as soon as the message is on its way; the receiver may or may not act on it
 * - `forward-then-cut-at-answer` (from the client only): the server has done the work for certain, and its answer is lost
 * @typedef {'forward' | 'drop' | 'destroy' | 'forward-then-destroy' | 'forward-then-cut-at-answer'} Action
 */
/** @typedef {Action | undefined | void} Decision */
/** @typedef {(message: WireMessage, connection: ProxyConnection) => Decision | Promise<Decision>} MessageHook */
/** @typedef {{ match: (connection: ProxyConnection) => boolean, bytes: number, passed: WeakMap<ProxyConnection, number> }} Cut */

export class ProxyFaults {
  #delayMs = 0;
  /** @type {Record<Direction, MessageHook | undefined>} */
  #hooks = { toServer: undefined, toClient: undefined };
  /** @type {Record<Direction, Cut | undefined>} */
  #cuts = { toServer: undefined, toClient: undefined };
  /** A direction has an entry while it is paused. @type {Partial<Record<Direction, { until: Promise<void>, resume: () => void }>>} */
  #pauses = {};

  /** Answers no longer arrive; connections stay open. */
  pauseToClient() {
    this.#pause("toClient");
  }

  /** Commands no longer arrive; connections stay open. */
  pauseToServer() {
    this.#pause("toServer");
  }

  /** What was held back arrives, in order. */
  resume() {
    for (const pause of Object.values(this.#pauses)) pause.resume();
    this.#pauses = {};
  }

  /** Every message arrives this much later, in either direction. @param {number} ms */
  delay(ms) {
    this.#delayMs = ms;
  }

  /**
   * Cuts the first connection on which, counted from now, the server has sent `bytes`: the client receives exactly so many.
   * @param {number} bytes @param {(connection: ProxyConnection) => boolean} [match] which connections count, e.g. by `commands`
   */
  cutAfterServerBytes(bytes, match = () => true) {
    this.#cuts.toClient = { match, bytes, passed: new WeakMap() };
  }

  /** The same for what the client sends. @param {number} bytes @param {(connection: ProxyConnection) => boolean} [match] */
  cutAfterClientBytes(bytes, match = () => true) {
    this.#cuts.toServer = { match, bytes, passed: new WeakMap() };
  }

  /** Asked before each message of a client is passed on. @param {MessageHook | undefined} hook */
  onClientMessage(hook) {
    this.#hooks.toServer = hook;
  }

  /** Asked before each answer is passed on. @param {MessageHook | undefined} hook */
  onServerMessage(hook) {
    this.#hooks.toClient = hook;
  }

  /** Ends all faults; open connections stay. */
  heal() {
    this.resume();
    this.#delayMs = 0;
    this.#hooks = { toServer: undefined, toClient: undefined };
    this.#cuts = { toServer: undefined, toClient: undefined };
  }

  /** Asked by each connection. @type {import('./proxy-connection.mjs').Faults} */
  faults = {
    decide: async (connection, direction, message) => (await this.#hooks[direction]?.(message, connection)) ?? "forward",
    gate: async (direction) => {
      // Again, as a hook may have paused it anew meanwhile.
      for (let pause = this.#pauses[direction]; pause; pause = this.#pauses[direction]) await pause.until;
    },
    delayMs: () => this.#delayMs,
    allowance: (connection, direction, length) => {
      const cut = this.#cuts[direction];
      if (!cut?.match(connection)) return Infinity;
      const left = cut.bytes - (cut.passed.get(connection) ?? 0);
      if (length >= left)
        this.#cuts[direction] = undefined; // one cut per order
      else cut.passed.set(connection, cut.bytes - left + length);
      return left;
    },
  };

  /** @param {Direction} direction */
  #pause(direction) {
    if (this.#pauses[direction]) return;
    /** @type {() => void} */
    let resume = () => {};
    /** @type {Promise<void>} */
    const until = new Promise((resolve) => (resume = resolve));
    this.#pauses[direction] = { until, resume };
  }
}
