import type { Batch } from "../batch.js";
import type { CaptureReport } from "../capture-report/capture-report.js";
import type { ClusterTime } from "../cluster-time.js";
import { type Position, positionOfToken, tokenData } from "../position.js";
import type { SourceIdentity } from "../segment.js";
import { type CursorReply, ReplyReader } from "../source/reply-batch.js";
import type { EventStream, OplogWindow, Source, StartPoint } from "../source/source.js";
import { countWhile, element, highWaterToken, tokenDocument, wrap } from "./history.js";
import type { Random } from "./random.js";
import { drawFault, type Scenario } from "./scenario.js";
import type { SimulatedOplog } from "./simulated-oplog.js";
import type { SimulatedProcess } from "./simulated-process.js";
import { networkError, never, SOCKET_TIMEOUT_MS, serverError, within } from "./simulated-store.js";
import type { VirtualTime } from "./virtual-time.js";
import type { Witness } from "./witness.js";

/** As the change stream's. */
const AWAIT_MS = 1_000;

type Fate = "ok" | keyof Scenario["source"];

const HISTORY_LOST = () => serverError(286, "ChangeStreamHistoryLost", ["NonResumableChangeStreamError"]);
const TOKEN_UNKNOWN = () => serverError(280, "ChangeStreamFatalError", ["NonResumableChangeStreamError"]);

/** One process's view of a replica set (or a sharded cluster) with a history that is known beforehand. */
export class SimulatedSource implements Source {
  readonly format = "change-event";

  constructor(
    readonly oplog: SimulatedOplog,
    readonly process: SimulatedProcess,
    readonly scenario: Scenario,
    readonly time: VirtualTime,
    readonly random: Random,
    readonly witness: Witness,
  ) {}

  identify = (): Promise<SourceIdentity> =>
    this.call("identify", (fate) => ({
      replicaSetId: fate === "otherDeployment" && !this.witness.isEmpty ? "other" : "set-1",
      setName: "rs",
      sharded: this.scenario.history.sharded,
      version: "6.0.5",
      database: null,
    }));

  newest = (): Promise<ClusterTime> => this.call("newest", () => this.oplog.newest());

  oplogWindow = (): Promise<OplogWindow> => this.call("oplogWindow", () => ({ oldest: this.oplog.oldest(), newest: this.oplog.newest() }));

  open = (start: StartPoint, signal: AbortSignal): Promise<EventStream> =>
    this.call(`open ${start.kind}`, () => {
      const stream = this.openAt(start, signal);
      if (start.kind === "after") this.witness.goesOnAfter(start.position, this.process);
      this.process.openStreams++;
      return stream;
    });

  processIds = async (): Promise<string[]> => ["1"];

  close = async (): Promise<void> => {};

  /** What the network or the server does instead of answering; thrown, or a fate that the answer itself has. */
  fate(): Fate {
    const { now } = this.time;
    const { scenario } = this;
    if (within(scenario.sourceDown, now)) return this.random.chance(0.1) ? "hangs" : "network";
    return now < scenario.calmFrom ? drawFault(scenario.source, this.random) : "ok";
  }

  /** The error of that fate, if it is one. */
  errorOf(fate: Fate): Error | null {
    switch (fate) {
      case "network":
      case "hangs":
        return networkError();
      case "resumable":
        return serverError(this.random.pick([189, 91, 11602]), "PrimarySteppedDown", ["ResumableChangeStreamError"]);
      case "unlabelled":
        return serverError(this.random.pick([43, 136, 237, 260, 11601]), "Unlabelled");
      default:
        return null;
    }
  }

  private call<T>(name: string, act: (fate: Fate) => T): Promise<T> {
    const { process, random } = this;
    const kill = process.nextCall();
    if (kill === "before it is sent") process.kill(`killed before ${name} is sent`);
    if (!process.alive) return never();
    const fate = this.fate();
    if (fate !== "ok" && fate !== "slow") this.witness.note(() => `${process.pid} ${name}: ${fate}`);
    return new Promise((resolve, reject) => {
      process.after(fate === "hangs" ? SOCKET_TIMEOUT_MS : random.next() * (fate === "slow" ? 5_000 : 10), () => {
        if (kill) return process.kill(`killed when ${name} is done and not answered`);
        const error =
          this.errorOf(fate) ??
          (fate === "spuriousLoss" && name.startsWith("open") ? HISTORY_LOST() : null) ??
          (fate === "fatal" ? serverError(13, "Unauthorized") : null);
        if (error) return reject(error);
        try {
          resolve(act(fate));
        } catch (thrown) {
          reject(thrown);
        }
      });
    });
  }

  private openAt(start: StartPoint, signal: AbortSignal): SimulatedStream {
    const { oplog, scenario } = this;
    const { history } = oplog;
    const oldest = oplog.oldest();
    const stream = (position: Position, opened: ClusterTime, next: number) =>
      new SimulatedStream(this, position, opened - 1n, next, signal);
    const atTime = (time: ClusterTime, position = positionOfToken(tokenDocument(highWaterToken(time)))) => {
      if (time <= oldest) throw HISTORY_LOST();
      return stream(
        position,
        time,
        countWhile(history.wire, (document) => document.time < time),
      );
    };
    switch (start.kind) {
      case "now":
        return atTime(oplog.newest() + 1n);
      case "oldest":
        return atTime(oldest + 1n);
      case "time":
        return atTime(start.after + 1n);
      case "after": {
        const { position, byTime } = start;
        if (byTime) return atTime(position.clusterTime, position);
        if (position.clusterTime < oldest) throw HISTORY_LOST();
        const token = tokenData(position.token!);
        const next = countWhile(history.wire, (document) => document.token <= token);
        const { unknownTokens } = scenario;
        const last = history.wire[next - 1];
        if (unknownTokens > 0 && last?.token === token && !last.endsStream && next % unknownTokens === 0) throw TOKEN_UNKNOWN();
        return stream(position, position.clusterTime, next);
      }
    }
  }
}

/** An open cursor. Its replies are bytes as a server's, read by the reader that production uses. */
class SimulatedStream implements EventStream {
  readonly notes: string[] = [];
  private readonly reader: ReplyReader;
  private lastToken: Buffer;
  private stalled = false;
  private closed = false;

  constructor(
    private readonly source: SimulatedSource,
    readonly position: Position,
    readonly coveredTo: ClusterTime,
    /** The next document to send. */
    private next: number,
    private readonly signal: AbortSignal,
  ) {
    this.reader = new ReplyReader(position, coveredTo, source.scenario.history.sharded);
    this.lastToken = position.token!;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Batch> {
    const { source, signal } = this;
    try {
      while (!signal.aborted) {
        source.witness.asksForMore(source.process);
        const reply = await this.getMore();
        if (!reply) return;
        const batch = this.reader.read(reply, source.process.clock.now());
        source.witness.read(batch, source.process);
        yield batch;
        if (reply.id === 0n) return;
      }
    } finally {
      await this.close();
    }
  }

  /** Of no consequence for the log: draws nothing, so that a seed repeats its run whatever is reported. */
  report = async (): Promise<CaptureReport> => ({
    ...{
      at: new Date(this.source.time.now).toISOString(),
      capture: "change-stream",
      because: null,
      complete: true,
      findings: [],
      cut: null,
    },
  });

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    this.source.process.openStreams--;
  }

  /** The next reply; null when the stream was aborted meanwhile. */
  private getMore(): Promise<CursorReply | null> {
    const { source, signal } = this;
    const { process, random } = source;
    const kill = process.nextCall();
    if (kill) process.kill("killed in a getMore");
    if (!process.alive) return never();
    const fate = source.fate();
    const { wire } = source.oplog.history;
    const comesAt = wire[this.next]?.at ?? Number.POSITIVE_INFINITY;
    // A server's empty reply means that it has nothing more (seen on 6.0.5, however long it has to look): only then can it stall without a word.
    if (fate === "stalls" && comesAt > source.time.now) this.stalled = true;
    if (fate !== "ok" && fate !== "slow") source.witness.note(() => `${process.pid} getMore: ${fate}`);
    return new Promise((resolve, reject) => {
      let over = false;
      const settle = (act: () => void) => {
        if (over) return;
        over = true;
        signal.removeEventListener("abort", stop);
        act();
      };
      const stop = () => settle(() => resolve(null));
      signal.addEventListener("abort", stop, { once: true });
      const error = source.errorOf(fate);
      if (error) {
        process.after(fate === "hangs" ? SOCKET_TIMEOUT_MS : random.next() * 500, () => settle(() => reject(error)));
        return;
      }
      const answer = (wait: number) =>
        process.after(wait, () =>
          settle(() => {
            try {
              resolve(this.reply(fate === "ends"));
            } catch (thrown) {
              reject(thrown);
            }
          }),
        );
      const until = this.stalled ? AWAIT_MS : Math.min(AWAIT_MS, Math.max(0, comesAt - source.time.now));
      answer(until + random.next() * (fate === "slow" ? 5_000 : 10));
    });
  }

  private reply(ends: boolean): CursorReply {
    const { source } = this;
    const { oplog, scenario, random, time } = source;
    const { wire } = oplog.history;
    if (this.stalled) return replyOf([], this.lastToken, 1n);
    const first = wire[this.next];
    if (first && first.time < oplog.oldest()) throw serverError(136, "CappedPositionLost");
    const visible = countWhile(wire, ({ at }) => at <= time.now);
    let end = Math.min(visible, this.next + random.between(1, scenario.replyEvents));
    const closing = wire.findIndex(({ endsStream }, index) => endsStream && index >= this.next && index < end);
    if (closing >= 0) end = closing + 1;
    const documents = wire.slice(this.next, end);
    this.next = end;
    if (documents.length > 0) this.lastToken = documents.at(-1)!.tokenDocument;
    // With nothing outstanding the server's token may be ahead of the last event's.
    if (end === visible && closing < 0 && (documents.length === 0 || random.chance(0.5))) this.advance();
    return replyOf(documents, this.lastToken, closing >= 0 || ends ? 0n : 1n);
  }

  private advance(): void {
    const { source, next } = this;
    const { wire } = source.oplog.history;
    let mark = source.oplog.newest();
    // On a sharded cluster a shard may be about to send an event of the very time that the mark names.
    const coming = wire[next];
    if (coming && coming.at < source.time.now + 1_000 && source.scenario.history.sharded && source.random.chance(0.3)) mark = coming.time;
    const token = highWaterToken(mark);
    if (token > tokenData(this.lastToken)) this.lastToken = tokenDocument(token);
  }
}

function replyOf(documents: readonly { bytes: Buffer }[], postBatchToken: Buffer, id: bigint): CursorReply {
  return { id, documents: wrap(documents.map(({ bytes }, index) => element(0x03, String(index), bytes))), postBatchToken };
}
