import { clientOptions, makeClient } from "@oplog-collector/collector-core";
import { MongoClient, MongoServerError } from "mongodb";
import type { Progress, TtlSetting } from "./progress.js";

/** On the target, documents that the log still needs may be past their time already: its TTL monitor would delete them while we apply. */
const PARAMETER = "ttlMonitorEnabled";

/** Not allowed (on hosted deployments), or no such parameter (on mongos). */
const REFUSED = new Set([13, 59, 72, 8000]);

/** Switches the TTL monitor of the primary off, remembering what it was. Returns a note when the target does not let us. */
export async function switchOffTtl(client: MongoClient, progress: Pick<Progress, "rememberTtl">): Promise<string | undefined> {
  const admin = client.db("admin");
  try {
    const [{ [PARAMETER]: enabled }, { me = "" }] = await Promise.all([
      admin.command({ getParameter: 1, [PARAMETER]: 1 }),
      admin.command({ hello: 1 }),
    ]);
    await progress.rememberTtl({ host: String(me), enabled: Boolean(enabled) });
    if (enabled) await admin.command({ setParameter: 1, [PARAMETER]: false });
    return undefined;
  } catch (error) {
    if (!(error instanceof MongoServerError) || !REFUSED.has(Number(error.code))) throw error;
    return `The TTL monitor of the target can't be switched off (${error.message}): it may delete documents that are past their time while they are applied.`;
  }
}

/** Puts back what was switched off, on the members where that was. Returns what could not be put back. */
export async function putBackTtl(client: MongoClient, settings: readonly TtlSetting[]): Promise<string[]> {
  const notes: string[] = [];
  for (const { host, enabled } of settings) {
    if (!enabled) continue;
    try {
      await onMember(client, host, (member) => member.db("admin").command({ setParameter: 1, [PARAMETER]: true }));
    } catch (error) {
      notes.push(
        `The TTL monitor of ${host || "the target"} could not be switched on again (${(error as Error).message}): run there db.adminCommand({setParameter: 1, ${PARAMETER}: true}).`,
      );
    }
  }
  return notes;
}

/**
 * After a failure: on a connection of its own, as the one in use may wait for an answer for ever, or be closed. Returns whether all is put back; if
 * not, the settings must stay remembered.
 */
export async function putBackTtlAfterFailure(target: string, settings: readonly TtlSetting[]): Promise<boolean> {
  if (settings.length === 0) return true;
  const client = makeClient(target, "target");
  try {
    return (await putBackTtl(client, settings)).length === 0;
  } finally {
    await client.close();
  }
}

/** The member that was the primary then need not be it now. */
async function onMember(client: MongoClient, host: string, act: (member: MongoClient) => Promise<unknown>): Promise<void> {
  const { me = "" } = await client.db("admin").command({ hello: 1 });
  if (me === host) {
    await act(client);
    return;
  }
  const { credentials, tls, ca, cert, key, passphrase, tlsAllowInvalidCertificates, tlsAllowInvalidHostnames } = client.options;
  const member = new MongoClient(`mongodb://${host}/`, {
    ...clientOptions(),
    directConnection: true,
    ...(credentials && {
      auth: { username: credentials.username, password: credentials.password },
      authSource: credentials.source,
      authMechanism: credentials.mechanism,
    }),
    ...(tls && { tls, ca, cert, key, passphrase, tlsAllowInvalidCertificates, tlsAllowInvalidHostnames }),
  });
  try {
    await act(member);
  } finally {
    await member.close();
  }
}
