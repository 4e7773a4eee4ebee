import type { Batch } from "../batch.js";
import type { CaptureReport } from "../capture-report/capture-report.js";
import type { ClusterTime } from "../cluster-time.js";
import type { Position } from "../position.js";
import type { RawCursor } from "./raw-cursor.js";
import { repliesAhead } from "./replies-ahead.js";
import { ReplyReader } from "./reply-batch.js";
import type { EventStream } from "./source.js";

/** The events of a change stream that is open. */
export class ChangeEventStream implements EventStream {
  private readonly reader: ReplyReader;

  constructor(
    private readonly cursor: RawCursor,
    readonly position: Position,
    readonly coveredTo: ClusterTime,
    sharded: boolean,
    readonly notes: string[],
    readonly report: () => Promise<CaptureReport>,
    private readonly signal: AbortSignal,
    /** Events a reply at most. */
    private readonly replyEvents?: number,
  ) {
    this.reader = new ReplyReader(position, coveredTo, sharded);
  }

  /** It ends by itself after the invalidate of a database stream: the collector then opens it again after that position. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Batch> {
    for await (const reply of repliesAhead(this.cursor, this.signal, this.replyEvents)) yield this.reader.read(reply, reply.askedAt);
  }

  close(): Promise<void> {
    return this.cursor.close();
  }
}
