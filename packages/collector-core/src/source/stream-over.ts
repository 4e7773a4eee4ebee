import type { Batch } from "../batch.js";
import type { CaptureReport } from "../capture-report/capture-report.js";
import type { ClusterTime } from "../cluster-time.js";
import type { Position } from "../position.js";
import type { EventStream } from "./source.js";

/** A stream that changes what another one brings; it begins and ends where that one does. */
export abstract class StreamOver implements EventStream {
  constructor(protected readonly stream: EventStream) {}

  get position(): Position {
    return this.stream.position;
  }

  get coveredTo(): ClusterTime {
    return this.stream.coveredTo;
  }

  get notes(): string[] {
    return this.stream.notes;
  }

  report(): Promise<CaptureReport> {
    return this.stream.report();
  }

  close(): Promise<void> {
    return this.stream.close();
  }

  abstract [Symbol.asyncIterator](): AsyncGenerator<Batch>;
}
