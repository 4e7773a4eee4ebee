// @ts-check
/**
 * Loaded before the real program (`node --import`): kills the process, as `kill -9` does, at a point that is named, the `occurrence`-th time it
 * gets there. So the points need no hooks in the product: the calls are wrapped by which its stores write.
 *
 *   CHAOS_CRASH_POINT='{"point":"after-append","occurrence":3}' node --import ./crash-points.mjs apps/cli/bin/oplog.js collect …
 */
import { writeSync } from "node:fs";
import files from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { Collection, Db } from "mongodb";

const { point, occurrence } = JSON.parse(process.env.CHAOS_CRASH_POINT ?? "{}");
let left = occurrence;

/** @param {import("./collector-process.js").CrashPoint | import("./collector-process.js").PublicationPoint} at */
function reached(at) {
  if (at !== point || --left > 0) return;
  writeSync(2, `crash point ${at}\n`); // how the test knows that it was here that it died
  process.kill(process.pid, "SIGKILL");
}

// The file store: writes a temporary file in pieces (beginning, header, payload, hash), then links it to its name.
const { link, open, unlink } = files;
files.link = async (from, to) => {
  const [checkpoint, bundle] = [/[/\\]checkpoint-/.test(`${to}`), /\.bundle$/.test(`${to}`)];
  reached(checkpoint ? "before-checkpoint" : bundle ? "before-bundle" : "before-append");
  await link(from, to);
  reached(checkpoint ? "in-checkpoint" : bundle ? "after-bundle" : "after-append");
};
files.unlink = async (path) => {
  await unlink(path);
  if (/\.segment$/.test(`${path}`)) reached("in-removal");
};
files.open = async (path, ...rest) => {
  const file = await open(path, ...rest);
  if (!/[/\\]segments[/\\].*\.tmp-/.test(`${path}`)) return file;
  const writeFile = file.writeFile.bind(file);
  let pieces = 0;
  file.writeFile = async (...args) => {
    await writeFile(...args);
    pieces++;
    if (pieces === 2) reached("mid-append");
  };
  return file;
};
syncBuiltinESMExports();

// The object store: an object a segment, in parts when it is large; an object a checkpoint. Loaded only where it is used: it takes its time.
if (process.env.CHAOS_STORE?.startsWith("s3:")) {
  const { S3Client } = await import("@aws-sdk/client-s3");
  const { send } = S3Client.prototype;
  const CREATE = ["PutObjectCommand", "CompleteMultipartUploadCommand"];
  /** @this {InstanceType<typeof S3Client>} @param {any[]} args the SDK has one signature a command */
  S3Client.prototype.send = async function (...args) {
    const [{ constructor: kind, input }] = args;
    const key = input.Key ?? "";
    const creates = CREATE.includes(kind.name);
    const [segment, checkpoint, bundle] = ["/segments/", "/checkpoint-", "/bundles/"].map((part) => key.includes(part));
    if (creates && segment) reached("before-append");
    if (creates && checkpoint) reached("before-checkpoint");
    if (creates && bundle) reached("before-bundle");
    const result = await Reflect.apply(send, this, args);
    if (segment && kind.name === "UploadPartCommand") reached("mid-append");
    if (creates && segment) reached("after-append");
    if (creates && checkpoint) reached("in-checkpoint");
    if (creates && bundle) reached("after-bundle");
    if (kind.name === "DeleteObjectsCommand") reached("in-removal");
    return result;
  };
}

// The broker: a transaction for what is published together, and one before them that says who publishes. Loaded only where it is used.
if (/commit|publication/.test(point)) {
  const { default: kafkajs } = await import("kafkajs");
  const { producer } = kafkajs.Kafka.prototype;
  /** @this {InstanceType<typeof kafkajs.Kafka>} @param {Parameters<typeof producer>} args */
  kafkajs.Kafka.prototype.producer = function (...args) {
    const made = producer.apply(this, args);
    const { transaction } = made;
    made.transaction = async () => {
      const begun = await transaction();
      const { commit, sendBatch } = begun;
      return {
        ...begun,
        async sendBatch(batch) {
          const result = await sendBatch(batch);
          reached("mid-publication");
          return result;
        },
        async commit() {
          reached("before-commit");
          await commit();
          reached("after-commit"); // the broker has it, and the forwarder does not know yet
        },
      };
    };
    return made;
  };
}

// The MongoDB store: a document a segment, before it those of its parts when it is large; one document for the checkpoint.
const { insertOne, replaceOne, deleteMany } = Collection.prototype;
/** @this {Collection} @param {Parameters<typeof deleteMany>} args */
Collection.prototype.deleteMany = async function (...args) {
  const result = await deleteMany.apply(this, args);
  reached("in-removal");
  return result;
};
/** @this {Collection} @param {Parameters<typeof insertOne>} args */
Collection.prototype.insertOne = async function (...args) {
  if (this.collectionName.endsWith(".bundles")) {
    reached("before-bundle");
    const result = await insertOne.apply(this, args);
    reached("after-bundle");
    return result;
  }
  const part = this.collectionName.endsWith(".parts");
  if (!part) reached("before-append");
  const result = await insertOne.apply(this, args);
  reached(part ? "mid-append" : "after-append"); // the server has it, and the store does not know yet
  return result;
};
// In the layout of entries these come after the segment, some at a time.
const { command } = Db.prototype;
/** @this {Db} @param {Parameters<typeof command>} args */
Db.prototype.command = async function (...args) {
  const result = await command.apply(this, args);
  if (args[0].insert) reached("mid-append");
  return result;
};
/** @this {Collection} @param {Parameters<typeof replaceOne>} args */
Collection.prototype.replaceOne = async function (...args) {
  reached("before-checkpoint");
  const result = await replaceOne.apply(this, args);
  reached("in-checkpoint");
  return result;
};
