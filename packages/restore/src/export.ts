import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import {
  BSON_TYPE,
  type ClusterTime,
  canonicalJson,
  clusterTime,
  document,
  documentElement,
  documentsIn,
  element,
  OplogError,
  positionOfEvent,
  rawElement,
  rawElements,
  rawValue,
  readCoverage,
  type Store,
  stringElement,
} from "@oplog-collector/collector-core";
import { ChangeEventReader } from "./change-event.js";
import { resolveDelta, resolveDeltaIn } from "./delta.js";
import { type Ddl, isWrite, type Operation, splitNamespace, type Write } from "./operation.js";
import { rangeFor } from "./plan.js";
import { entryFinder, readSegments, type SegmentRange } from "./segment-range.js";

/**
 * - `oplog-bson`: entries as in the server's oplog, one after another: what `mongorestore --oplogReplay` reads as `oplog.bson`.
 * - `jsonl`: each event as it was captured, in canonical Extended JSON, one a line.
 */
export type ExportFormat = "oplog-bson" | "jsonl";

export interface ExportOptions {
  store: Store;
  /** Exclusive. */
  after: ClusterTime;
  /** Inclusive. */
  to: ClusterTime;
  format: ExportFormat;
  /** Path of the file; folders are made, a file of that name is replaced once the new one is whole. */
  out: string;
  signal?: AbortSignal;
  onProgress?: (events: number) => void;
}

export interface ExportReport {
  events: number;
  /** What was written for them. */
  entries: number;
  bytes: number;
  out: string;
  /** What the format can't say exactly. */
  notes: string[];
}

/** Writes the events of `(after, to]` for other tools. */
export async function exportLog({ store, after, to, format, out, signal, onProgress }: ExportOptions): Promise<ExportReport> {
  const range = rangeFor(await readCoverage(store), after, to);
  const form = format === "jsonl" ? new JsonLines() : new OplogEntries(store, range);
  const report: ExportReport = { events: 0, entries: 0, bytes: 0, out, notes: form.notes };
  const partial = `${out}.partial`;
  await mkdir(dirname(out), { recursive: true }).catch((error) => Promise.reject(writeFailed(out, error)));
  const file = createWriteStream(partial);
  // A failure to open or write surfaces here, not as an event that nobody hears.
  const failed = once(file, "error").then(([error]) => Promise.reject(writeFailed(out, error)));
  failed.catch(() => {});
  try {
    for await (const { header, payload } of readSegments(store, range)) {
      for (const event of documentsIn(payload)) {
        const time = positionOfEvent(event, header.format).clusterTime;
        if (time <= after) continue;
        if (time > to) break;
        report.events++;
        for (const chunk of await form.chunksOf(event, header.format === "oplog-entry")) {
          report.entries++;
          report.bytes += chunk.length;
          if (!file.write(chunk)) await Promise.race([once(file, "drain"), failed]);
        }
      }
      onProgress?.(report.events);
      signal?.throwIfAborted();
    }
    file.end();
    await Promise.race([once(file, "close"), failed]);
    await rename(partial, out).catch((error) => Promise.reject(writeFailed(out, error)));
    return report;
  } catch (error) {
    file.destroy();
    await rm(partial, { force: true });
    throw error;
  }
}

const writeFailed = (out: string, cause: unknown): OplogError =>
  new OplogError("BAD_INPUT", `${out} can't be written: ${(cause as Error).message}`, {
    cause,
    hint: "Check the path, its rights and the free space.",
  });

class JsonLines {
  readonly notes: string[] = [];

  chunksOf(event: Buffer): Buffer[] {
    return [Buffer.from(`${canonicalJson(event)}\n`)];
  }
}

/** Entries of an oplog are written as they are; for change events, entries are made that do the same. */
class OplogEntries {
  readonly notes: string[] = [];
  private readonly reader = new ChangeEventReader();
  private readonly find: (at: ClusterTime) => Promise<Buffer | undefined>;
  private first = true;

  constructor(
    store: Store,
    private readonly range: SegmentRange,
  ) {
    this.find = entryFinder(store, range);
  }

  async chunksOf(event: Buffer, isEntry: boolean): Promise<Buffer[]> {
    if (isEntry) return [...(await this.earlierParts(event)), event];
    this.reader.read(event);
    const { operations } = this.reader.decode();
    return operations.flatMap((operation) => this.entriesOf(operation, event));
  }

  /** A transaction that begins before the range and ends in it: the reader needs all of it. */
  private async earlierParts(entry: Buffer): Promise<Buffer[]> {
    const parts: Buffer[] = [];
    if (!rawElement(entry, "txnNumber")) return parts;
    for (let at = previousTime(entry); at !== 0n && at <= this.range.after; ) {
      const part = await this.find(at);
      if (!part) break;
      parts.unshift(Buffer.from(part));
      at = previousTime(part);
    }
    return parts;
  }

  private entriesOf(operation: Operation, event: Buffer): Buffer[] {
    const envelope = envelopeOf(event);
    if (!isWrite(operation))
      return ddlEntries(operation).map((o) => entry("c", `${splitNamespace(operation.namespace).db}.$cmd`, o, envelope));
    const { namespace, key, bytes } = operation;
    switch (operation.kind) {
      case "insert":
        return [entry("i", namespace, bytes, envelope)];
      case "delete":
        return [entry("d", namespace, key, envelope)];
      case "delta":
        return [entry("u", namespace, this.diffOf(operation), envelope, key)];
      default:
        return [entry("u", namespace, bytes, envelope, key)];
    }
  }

  private diffOf({ bytes, key, namespace }: Write): Buffer {
    const diff = resolveDelta(bytes);
    if (diff) return diff;
    if (this.first) {
      this.first = false;
      this.notes.push(
        `${namespace} and perhaps others: the log does not say whether a name with dots is a path or a field's name; each was taken for a path.`,
      );
    }
    return resolveDeltaIn(bytes, key).update;
  }
}

function previousTime(entry: Buffer): ClusterTime {
  const ts = rawValue(entry, "prevOpTime", "ts");
  return ts ? clusterTime(ts.bytes.readUInt32LE(4), ts.bytes.readUInt32LE(0)) : 0n;
}

/** What an entry has besides the operation: time, version of the form, collection. */
function envelopeOf(event: Buffer): Buffer[] {
  const elements: Buffer[] = [element(BSON_TYPE.int, "v", Buffer.of(2, 0, 0, 0))];
  for (const { name, type, valueStart, end } of rawElements(event)) {
    const value = event.subarray(valueStart, end);
    if (name === "clusterTime") elements.push(element(type, "ts", value), element(BSON_TYPE.long, "t", TERM));
    if (name === "wallTime") elements.push(element(type, "wall", value));
    if (name === "collectionUUID") elements.push(element(type, "ui", value));
  }
  return elements;
}

/** Change events don't tell the election term; readers only want one. */
const TERM = Buffer.of(1, 0, 0, 0, 0, 0, 0, 0);

const entry = (op: string, namespace: string, o: Buffer, envelope: readonly Buffer[], o2?: Buffer): Buffer =>
  document([
    stringElement("op", op),
    stringElement("ns", namespace),
    documentElement("o", o),
    ...(o2 ? [documentElement("o2", o2)] : []),
    ...envelope,
  ]);

/** The commands by which an oplog says the same. */
function ddlEntries(ddl: Ddl): Buffer[] {
  const { collection } = splitNamespace(ddl.namespace);
  switch (ddl.kind) {
    case "create":
      return [document([stringElement("create", collection), inner(ddl.options)])];
    case "collMod":
      return [document([stringElement("collMod", collection), inner(ddl.options)])];
    case "createIndexes":
      return [...rawElements(ddl.indexes)].map(({ valueStart, end }) =>
        document([stringElement("createIndexes", collection), inner(ddl.indexes.subarray(valueStart, end))]),
      );
    case "dropIndexes":
      return ddl.names.map((name) => document([stringElement("dropIndexes", collection), stringElement("index", name)]));
    case "drop":
      return [document([stringElement("drop", collection)])];
    case "rename":
      return [
        document([
          stringElement("renameCollection", ddl.namespace),
          stringElement("to", ddl.to),
          ...(ddl.dropTarget ? [element(BSON_TYPE.bool, "dropTarget", Buffer.of(1))] : []),
        ]),
      ];
    case "dropDatabase":
      return [document([element(BSON_TYPE.int, "dropDatabase", Buffer.of(1, 0, 0, 0))])];
  }
}

const inner = (bytes: Buffer): Buffer => bytes.subarray(4, bytes.length - 1);
