import { MongoServerError } from "mongodb";
import { waitFor } from "./wait-for.mjs";

/** @typedef {import('./mongod-process.mjs').Member} Member */
/** @typedef {import('./mongod-process.mjs').Credentials} Credentials */

/** A running replica set. */
export class ReplicaSet {
  #hosts;
  #cleanUp;
  #timeoutMs;
  /** @type {Promise<void> | undefined} */
  #stopped;
  /** @type {Credentials | undefined} */
  #credentials;

  /** @param {{ name: string, dir: string, members: readonly Member[], hosts: readonly string[], timeoutMs: number, cleanUp: () => Promise<void> }} options */
  constructor({ name, dir, members, hosts, timeoutMs, cleanUp }) {
    this.name = name;
    this.dir = dir;
    this.members = members;
    this.#hosts = hosts;
    this.#timeoutMs = timeoutMs;
    this.#cleanUp = cleanUp;
  }

  /** Reaches the whole set, whichever member is primary. */
  get uri() {
    const user = this.#credentials ? `${this.#credentials.username}:${this.#credentials.password}@` : "";
    return `mongodb://${user}${this.#hosts.join(",")}/?replicaSet=${this.name}${user && "&authSource=admin"}`;
  }

  /** Reaches the first member only. */
  get directUri() {
    return this.member(0).directUri;
  }

  get credentials() {
    return this.#credentials;
  }

  set credentials(credentials) {
    this.#credentials = credentials;
    for (const member of this.members) member.credentials = credentials;
  }

  /** @param {number} index @returns {Member} */
  member(index) {
    const member = this.members[index];
    if (!member) throw new Error(`the set has ${this.members.length} members, there is no member ${index}`);
    return member;
  }

  /**
   * Waits for a member that takes writes.
   * @param {{ except?: Member, timeoutMs?: number }} [options] `except`: a former primary that may not know yet that it lost its role
   * @returns {Promise<Member>}
   */
  async primary({ except, timeoutMs = this.#timeoutMs } = {}) {
    return waitFor(
      "a primary",
      async () => {
        const asked = this.members.filter((member) => member.running && !member.paused && member !== except);
        const answers = await Promise.all(asked.map(async (member) => ({ member, hello: await hello(member) })));
        const primaries = answers.filter(({ hello }) => hello?.isWritablePrimary);
        // Two for a moment after a failover: election ids grow, the greatest is the newest.
        const newest = primaries.sort((a, b) => electionOf(b.hello).localeCompare(electionOf(a.hello)))[0];
        return newest?.member;
      },
      { timeoutMs },
    );
  }

  /** Waits until every running member is primary or a secondary that serves reads. @param {{ timeoutMs?: number }} [options] */
  async settled({ timeoutMs = this.#timeoutMs } = {}) {
    const running = this.members.filter((member) => member.running && !member.paused);
    await waitFor(
      "all members to be primary or secondary",
      async () => {
        const answers = await Promise.all(running.map(hello));
        return answers.every((answer) => answer?.isWritablePrimary || answer?.secondary);
      },
      { timeoutMs },
    );
    await this.primary({ timeoutMs });
  }

  /** Makes the primary hand over. @returns {Promise<Member>} the new primary */
  async stepDown() {
    const former = await this.primary();
    // 60: for so many seconds it does not stand for election. Forced, as a busy secondary may lag a little.
    await former.command({ replSetStepDown: 60, secondaryCatchUpPeriodSecs: 10, force: true });
    return this.primary({ except: former });
  }

  /** Ends all members; removes the directory unless the caller named it. May be called again. */
  stop() {
    this.#stopped ??= this.#cleanUp();
    return this.#stopped;
  }

  async [Symbol.asyncDispose]() {
    await this.stop();
  }

  /** @param {Record<string, unknown>} config */
  async initiate(config) {
    await waitFor(
      "the set to be initiated",
      async () => {
        try {
          return await this.member(0).command({ replSetInitiate: config });
        } catch (error) {
          // A first attempt whose answer was lost has done the work.
          if (error instanceof MongoServerError && error.codeName === "AlreadyInitialized") return true;
          throw error;
        }
      },
      { timeoutMs: this.#timeoutMs },
    );
    await this.settled();
  }

  /** Possible without a password as long as there is no user and the connection is local. @param {Credentials} credentials */
  async createRootUser({ username, password }) {
    const primary = await this.primary();
    await primary.command({ createUser: username, pwd: password, roles: ["root"], writeConcern: { w: this.members.length } });
    this.credentials = { username, password };
  }
}

/** @param {Member} member */
function hello(member) {
  return member.command({ hello: 1 }, { anonymous: true }).catch(() => undefined);
}

/** @param {import('mongodb').Document | undefined} answer */
function electionOf(answer) {
  return String(answer?.electionId ?? "");
}
