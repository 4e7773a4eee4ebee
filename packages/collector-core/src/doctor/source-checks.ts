import type { MongoClient } from "mongodb";
import { OplogError } from "../errors.js";
import { refusal } from "../refusal.js";
import { ChangeStreamSource } from "../source/change-stream.js";
import { codeOf } from "../source/classify-error.js";
import { identifyDeployment, readOplogWindow } from "../source/deployment.js";
import { OplogSource } from "../source/oplog-source.js";
import type { Source } from "../source/source.js";
import { type DoctorCheck, failed, passed, warned } from "./check.js";
import { checkClock } from "./clock-check.js";
import { checkOplogWindow } from "./oplog-window-check.js";

/** Everything a collector needs of a source that answers. */
export async function* checkSource(client: MongoClient, uri: string, database: string | null): AsyncGenerator<DoctorCheck> {
  let sharded: boolean;
  try {
    const { version, setName, replicaSetId, ...identity } = await identifyDeployment(client, database);
    sharded = identity.sharded;
    yield passed("source can be captured", `MongoDB ${version}, ${sharded ? "a sharded cluster" : `the replica set ${setName}`}`);
    yield replicaSetId
      ? passed("source is known again", `its id is ${replicaSetId}`)
      : warned(
          "source is known again",
          "Its id can't be read: another deployment of the same name behind the same URI would not be noticed",
          "Grant the user clusterMonitor.",
        );
  } catch (error) {
    yield failed("source can be captured", refusal("source", error));
    return;
  }
  yield* checkChangeStream(uri, database);
  if (!sharded) yield* checkRawOplog(uri);
  yield checkOplogWindow(await readOplogWindow(client, sharded));
  yield checkClock(await askTheTime(client));
}

/** Opens a real stream, from the most exact way to the plainest, as a collector does. */
async function* checkChangeStream(uri: string, database: string | null): AsyncGenerator<DoctorCheck> {
  const check = "change stream opens";
  const scope = database === null ? "over the whole deployment" : `over the database ${database}`;
  try {
    const notes = await notesOf(new ChangeStreamSource({ uri, database }));
    yield notes.length === 0
      ? passed(check, `${scope}, with the server's exact update diffs, system collections and events beyond 16 MiB`)
      : warned(check, `${scope}, but: ${notes.join(" ")}`);
  } catch (error) {
    yield failed(check, refusal("source", error));
  }
}

async function* checkRawOplog(uri: string): AsyncGenerator<DoctorCheck> {
  const check = "raw oplog opens";
  try {
    await notesOf(new OplogSource({ uri }));
    yield passed(check, "the fastest capture (--capture oplog) is possible");
  } catch (error) {
    // Not needed for a change stream, which most collectors use.
    if (codeOf(error) !== UNAUTHORIZED && !(error instanceof OplogError)) throw error;
    yield warned(
      check,
      "The user may not read it: --capture oplog is not possible, the headroom is unknown, and changes of users, roles and atomic applyOps are not seen",
      "Grant the user clusterMonitor.",
    );
  }
}

const UNAUTHORIZED = 13;

async function notesOf(source: Source): Promise<string[]> {
  try {
    await source.identify();
    const stream = await source.open({ kind: "now" }, new AbortController().signal);
    await stream.close();
    return stream.notes;
  } finally {
    await source.close();
  }
}

async function askTheTime(client: MongoClient) {
  const askedAt = Date.now();
  const { localTime, operationTime } = await client.db("admin").command({ hello: 1 });
  return {
    askedAt,
    answeredAt: Date.now(),
    serverTime: +(localTime as Date),
    clusterSeconds: operationTime?.getHighBitsUnsigned() as number | undefined,
  };
}
