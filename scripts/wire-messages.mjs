/** Splits a stream into MongoDB wire protocol messages and reads what a fault needs to know of them. */
import { BSON } from "mongodb";

/** @typedef {import('mongodb').Document} Document */

const HEADER_BYTES = 16;
const OP_QUERY = 2004; // only the first `hello` of a connection
const OP_MSG = 2013;
/** What the server accepts at most (`maxMessageSizeBytes`); a greater length means that this is not the protocol, e.g. TLS. */
const MAX_MESSAGE_BYTES = 48_000_000;

export class WireMessage {
  /** @param {Buffer} bytes the whole message with its header */
  constructor(bytes) {
    this.bytes = bytes;
    const header = bytes.length >= HEADER_BYTES;
    this.requestId = header ? bytes.readInt32LE(4) : 0;
    /** In an answer: the `requestId` of what it answers. */
    this.responseTo = header ? bytes.readInt32LE(8) : 0;
    this.opCode = header ? bytes.readInt32LE(12) : 0;
  }

  /** Name of the command, such as `insert`; empty for what is not an uncompressed command. @returns {string} */
  get command() {
    const at = this.#documentAt();
    // A command is its document's first field: a type byte, then the name up to a zero byte.
    return at === undefined ? "" : this.bytes.toString("latin1", at + 5, this.bytes.indexOf(0, at + 5));
  }

  /** The command or answer; a batch of documents sent beside it (as `insert` does) is not in it. @returns {Document} */
  get document() {
    const at = this.#documentAt();
    return at === undefined ? {} : BSON.deserialize(this.bytes.subarray(at, at + this.bytes.readInt32LE(at)));
  }

  /** @returns {number | undefined} */
  #documentAt() {
    if (this.opCode === OP_QUERY) return this.bytes.indexOf(0, HEADER_BYTES + 4) + 9; // flags, name, skip, limit
    if (this.opCode !== OP_MSG) return undefined;
    let at = HEADER_BYTES + 4; // flags
    while (at < this.bytes.length) {
      if (this.bytes[at] === 0) return at + 1; // a section of kind 0 is the command itself
      at += 1 + this.bytes.readInt32LE(at + 1); // kind 1: documents beside it
    }
    return undefined;
  }
}

export class MessageSplitter {
  /** @type {Buffer[]} */
  #parts = [];
  #bytes = 0;
  /** Once something is no message, all the rest is passed on as it comes. */
  #raw = false;

  /** @param {Buffer} chunk @returns {WireMessage[]} the messages that it completes */
  push(chunk) {
    if (this.#raw) return [new WireMessage(chunk)];
    this.#parts.push(chunk);
    this.#bytes += chunk.length;
    const messages = [];
    for (let length = this.#nextLength(); length !== undefined && length <= this.#bytes; length = this.#nextLength()) {
      const all = this.#join();
      messages.push(new WireMessage(all.subarray(0, length)));
      this.#parts = [all.subarray(length)];
      this.#bytes -= length;
    }
    return messages;
  }

  /** @returns {number | undefined} */
  #nextLength() {
    if (this.#bytes < 4) return undefined;
    const first = /** @type {Buffer} */ (this.#parts[0]);
    const length = (first.length >= 4 ? first : this.#join()).readInt32LE(0);
    if (length >= HEADER_BYTES && length <= MAX_MESSAGE_BYTES) return length;
    this.#raw = true;
    return this.#bytes;
  }

  #join() {
    const all = this.#parts.length === 1 ? /** @type {Buffer} */ (this.#parts[0]) : Buffer.concat(this.#parts);
    this.#parts = [all];
    return all;
  }
}
