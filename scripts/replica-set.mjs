/**
 * Starts real replica sets on 127.0.0.1: for tests, the demo and benchmarks.
 *
 *   await using set = await startReplicaSet({ members: 3 });
 *   const client = new MongoClient(set.uri);
 */
import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "./free-port.mjs";
import { findMongod } from "./mongod.mjs";
import { Member, PortTaken } from "./mongod-process.mjs";
import { guardDirectory, releaseDirectory } from "./orphan-guard.mjs";
import { commonArgs, electionSettings, load, save } from "./replica-set-files.mjs";
import { ReplicaSet } from "./replica-set-handle.mjs";

/** @typedef {import('./mongod-process.mjs').Credentials} Credentials */
/**
 * @typedef {object} ReplicaSetOptions
 * @property {number} [members] 1 unless told
 * @property {string} [name] `rs0` unless told
 * @property {string} [mongod] path of the binary; otherwise `findMongod` finds one
 * @property {string} [version] which version `findMongod` is to find
 * @property {string} [dir] keeps the data; a set started there before goes on. Without it a fresh directory is used and removed.
 * @property {readonly number[]} [ports] one per member; otherwise free ones
 * @property {number} [oplogSizeMB]
 * @property {number} [cacheGB] of each member
 * @property {Record<string, string | number | boolean>} [setParameter]
 * @property {readonly string[]} [args] further arguments of mongod
 * @property {boolean} [testCommands] allows fail points and other test-only commands
 * @property {boolean | Credentials} [auth] access control, with a root user that is in `uri`
 * @property {number} [electionTimeoutMs]
 * @property {Record<string, unknown>} [settings] further `settings` of the set's configuration
 * @property {(index: number, port: number) => Record<string, unknown> | Promise<Record<string, unknown>>} [memberConfig]
 *   further fields of a member's configuration, such as `priority`; `host` when it is to be reached through a proxy
 * @property {number} [timeoutMs] for each step of starting
 * @property {(line: string) => void} [log]
 */

/** Another process may take a port between our look and mongod's start; that this happens this often in a row is no accident. */
const PORT_ATTEMPTS = 5;

/** @param {ReplicaSetOptions} [options] @returns {Promise<ReplicaSet>} resolves when there is a primary that takes writes */
export async function startReplicaSet(options = {}) {
  const { members: count = 1, name = "rs0", timeoutMs = 60_000, log = () => {} } = options;
  const mongod = options.mongod ?? (await findMongod({ ...(options.version && { version: options.version }), log })).path;
  const temporary = options.dir === undefined;
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), "oplog-replica-set-")));
  if (temporary) guardDirectory(dir);
  else await mkdir(dir, { recursive: true });

  /** @type {Member[]} */
  const members = [];
  const cleanUp = async () => {
    await Promise.all(members.map((member) => (temporary ? member.kill() : member.stop())));
    if (!temporary) return;
    await rm(dir, { recursive: true, force: true });
    releaseDirectory(dir);
  };
  try {
    const saved = await load(dir);
    const ports = options.ports ?? saved?.ports;
    const args = await commonArgs(options, name, dir);
    for (let index = 0; index < (saved?.ports.length ?? count); index += 1) {
      members.push(await startMember({ mongod, args, dir: join(dir, `member-${index}`), timeoutMs }, ports?.[index]));
    }
    const configured = saved?.initiated
      ? []
      : await Promise.all(
          members.map(async ({ port }, index) => ({
            _id: index,
            host: `127.0.0.1:${port}`,
            ...(await options.memberConfig?.(index, port)),
          })),
        );
    const hosts = saved?.hosts ?? configured.map(({ host }) => host);
    const set = new ReplicaSet({ name, dir, members, hosts, timeoutMs, cleanUp });
    const taken = { ports: members.map(({ port }) => port), hosts };
    if (saved?.initiated) {
      set.credentials = saved.credentials;
      await set.primary();
      return set;
    }
    // Before it is initiated: killed in between, it must come back on the ports that its configuration may name by then.
    await save(dir, { ...taken, initiated: false });
    await set.initiate({ _id: name, members: configured, settings: { ...electionSettings(options), ...options.settings } });
    if (options.auth)
      await set.createRootUser(options.auth === true ? { username: "root", password: randomBytes(12).toString("hex") } : options.auth);
    await save(dir, { ...taken, credentials: set.credentials, initiated: true });
    return set;
  } catch (error) {
    await cleanUp();
    throw error;
  }
}

/** @param {Omit<ConstructorParameters<typeof Member>[0], 'port'>} options @param {number | undefined} fixedPort */
async function startMember(options, fixedPort) {
  for (let attempt = 1; ; attempt += 1) {
    const member = new Member({ ...options, port: fixedPort ?? (await freePort()) });
    try {
      await member.start();
      return member;
    } catch (error) {
      if (!(error instanceof PortTaken) || fixedPort !== undefined || attempt === PORT_ATTEMPTS) throw error;
    }
  }
}
