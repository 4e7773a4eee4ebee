import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import {
  appendOnce,
  type ClusterTime,
  compress,
  DEFAULT_CODEC,
  decodeHeader,
  isOplogError,
  type Position,
  type SourceIdentity,
  type Store,
  sealSegment,
  type Writer,
} from "@oplog-collector/collector-core";
import { encodeRecord, type SnapshotRecord } from "./snapshot-record.js";

/** What is being compressed or stored: zlib has four threads, and a segment has some 4 MiB. */
const IN_FLIGHT = 4;

/** Tries to store one segment, about half a minute in all: a failover takes seconds, and an interrupted snapshot can be resumed. */
const ATTEMPTS = 8;
const BASE_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 8_000;

export interface SnapshotSegment {
  record: SnapshotRecord;
  /** Documents one after another. */
  payload: Buffer;
  documents: number;
  namespace?: string;
  /** The newest cluster time of what it holds. */
  at: ClusterTime;
  source?: SourceIdentity;
}

const NOTHING = { payload: Buffer.alloc(0), documents: 0 };

/** The first segment: what is being taken, and of what. */
export const beginSegment = (takenFrom: ClusterTime, source: SourceIdentity): SnapshotSegment => ({
  ...NOTHING,
  record: { what: "begin", takenFrom },
  at: takenFrom,
  source,
});

/** Appends segments in the order of the calls; compresses several at a time. */
export class SnapshotWriter {
  private number = 0;
  private hash: Buffer | null = null;
  private position: Position | null = null;
  private tail: Promise<void> = Promise.resolve();
  private waiting = 0;
  private readonly writer: Writer = { id: randomUUID(), host: hostname(), pid: process.pid };
  storedBytes = 0;

  constructor(
    private readonly store: Store,
    private readonly log: string,
  ) {}

  /** Goes on after what is stored already. */
  async resume(): Promise<void> {
    for await (const stored of this.store.headers({ reverse: true })) {
      this.number = stored.number;
      this.hash = stored.hash;
      this.position = decodeHeader(stored.header).to;
      return;
    }
  }

  /** Waits for room, not for the store; the next call or `flush` throws when storing has failed. */
  async write(segment: SnapshotSegment): Promise<void> {
    while (this.waiting >= IN_FLIGHT) await this.oldest;
    const compressed = compress(DEFAULT_CODEC)(segment.payload);
    compressed.catch(() => {}); // awaited, in its turn, below
    this.waiting++;
    const before = this.tail;
    this.tail = (async () => {
      await before;
      await this.append(segment, await compressed);
      this.waiting--;
    })();
    this.tail.catch(() => {}); // whoever comes next awaits it
    this.inFlight.push(this.tail);
  }

  private readonly inFlight: Promise<void>[] = [];

  private get oldest(): Promise<void> | undefined {
    return this.inFlight.shift();
  }

  /** Resolves when everything written so far is durable. */
  async flush(): Promise<void> {
    this.inFlight.length = 0;
    await this.tail;
  }

  /** The sign of life that keeps others from resuming this snapshot; null ends it. */
  async signal(alive: boolean): Promise<"stored" | "fenced"> {
    if (!this.position) return "stored";
    const checkpoint = {
      position: this.position,
      coveredTo: this.position.clusterTime,
      afterSegment: this.number,
      writer: alive ? this.writer : null,
      at: new Date(),
    };
    return this.store.writeCheckpoint(checkpoint, { takeOver: true });
  }

  private async append({ record, payload, documents, namespace, at, source }: SnapshotSegment, compressed: Buffer): Promise<void> {
    const from = this.position ?? { token: null, clusterTime: at, wallTime: null };
    const to = at > from.clusterTime ? { ...from, clusterTime: at } : from;
    const segment = sealSegment(
      {
        number: this.number + 1,
        kind: this.number === 0 ? "start" : "events",
        log: this.log,
        previous: this.hash,
        sealedAt: new Date(),
        from: this.number === 0 ? to : from,
        to,
        coveredTo: to.clusterTime,
        format: "document",
        events: documents,
        bytes: payload.length,
        counts: documents > 0 ? [{ namespace: namespace ?? "", operation: "document", events: documents }] : [],
        codec: DEFAULT_CODEC,
        ...(source && { source }),
        snapshot: encodeRecord(record),
      },
      compressed,
      this.store.keys,
    );
    await this.appendPatiently(segment);
    this.number = segment.number;
    this.hash = segment.hash;
    this.position = to;
    this.storedBytes += segment.header.length + segment.payload.length;
  }

  private async appendPatiently(segment: Parameters<typeof appendOnce>[1]): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await appendOnce(this.store, segment);
      } catch (error) {
        const final = isOplogError(error) && error.code !== "STORE_FAILED" && error.code !== "UNREACHABLE";
        if (final || attempt === ATTEMPTS) throw error;
        await new Promise((resolve) => setTimeout(resolve, Math.min(LONGEST_PAUSE_MS, BASE_PAUSE_MS * 2 ** (attempt - 1))));
      }
    }
  }
}
