import type { MongoClient } from "mongodb";
import { OplogError } from "../errors.js";
import { refusal } from "../refusal.js";
import { ChangeStreamSource } from "../source/change-stream.js";
import { type CaptureMode, captureSource, decideCapture } from "../source/choose-capture.js";
import { codeOf } from "../source/classify-error.js";
import { identifyDeployment, readOplogWindow } from "../source/deployment.js";
import { OplogSource } from "../source/oplog-source.js";
import type { EventStream, Source } from "../source/source.js";
import { checkCarried } from "./carried-check.js";
import { type DoctorCheck, failed, passed, warned } from "./check.js";
import { checkClock } from "./clock-check.js";
import { checkOplogWindow } from "./oplog-window-check.js";

/** Everything a collector needs of a source that answers. */
export async function* checkSource(
  client: MongoClient,
  uri: string,
  { database, capture }: { database: string | null; capture: CaptureMode },
): AsyncGenerator<DoctorCheck> {
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
  const stream = yield* checkChangeStream(uri, database);
  const oplog = !sharded && (yield* checkRawOplog(uri));
  const chosen = capture === "auto" ? decideCapture({ database, sharded, oplogReadable: oplog }).capture : capture;
  // What does not open carries nothing, and it has been said.
  if (chosen === "oplog" ? oplog && database === null : stream)
    yield* await whenOpen(captureSource({ uri, database, mode: chosen }), async (stream) =>
      checkCarried(await stream.report(), capture === "auto"),
    );
  yield checkOplogWindow(await readOplogWindow(client, sharded));
  yield checkClock(await askTheTime(client));
}

/** Opens a real stream, from the most exact way to the plainest, as a collector does; returns whether that could be done. */
async function* checkChangeStream(uri: string, database: string | null): AsyncGenerator<DoctorCheck, boolean> {
  const check = "change stream opens";
  const scope = database === null ? "over the whole deployment" : `over the database ${database}`;
  try {
    const notes = await whenOpen(new ChangeStreamSource({ uri, database }), async (stream) => stream.notes);
    yield notes.length === 0
      ? passed(check, `${scope}, with the server's exact update diffs, system collections and events beyond 16 MiB`)
      : warned(check, `${scope}, but: ${notes.join(" ")}`);
    return true;
  } catch (error) {
    yield failed(check, refusal("source", error));
    return false;
  }
}

async function* checkRawOplog(uri: string): AsyncGenerator<DoctorCheck, boolean> {
  const check = "raw oplog opens";
  try {
    await whenOpen(new OplogSource({ uri }), async () => {});
    yield passed(check, "the fastest capture (--capture oplog) is possible");
    return true;
  } catch (error) {
    // Not needed for a change stream, which most collectors use.
    if (codeOf(error) !== UNAUTHORIZED && !(error instanceof OplogError)) throw error;
    yield warned(
      check,
      "The user may not read it: --capture oplog is not possible, the headroom is unknown, and changes of users, roles and atomic applyOps are not seen",
      "Grant the user clusterMonitor.",
    );
    return false;
  }
}

const UNAUTHORIZED = 13;

/** Opens the source as a collector does, and asks the stream. */
async function whenOpen<T>(source: Source, ask: (stream: EventStream) => Promise<T>): Promise<T> {
  try {
    await source.identify();
    const stream = await source.open({ kind: "now" }, new AbortController().signal);
    try {
      return await ask(stream);
    } finally {
      await stream.close();
    }
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
