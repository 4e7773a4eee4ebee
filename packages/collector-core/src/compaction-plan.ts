/** One segment as compaction sees it. */
export interface CompactableSegment {
  number: number;
  storedBytes: number;
  sealedAt: Date;
  /** It is in a bundle already. */
  bundled: boolean;
}

/** A bundle has at most so many bytes: it is read as a whole, it fits a document of MongoDB, and retention that cuts one writes the rest anew. */
export const BUNDLE_BYTES = 8 * 1024 * 1024;

/** From this size on a segment is no trouble as an object of its own. */
export const SMALL_SEGMENT_BYTES = 1024 * 1024;

/** Fewer are not worth an object that never grows. */
export const LEAST_SEGMENTS = 8;

/**
 * Adds up runs of consecutive small segments, in the order of their numbers, into what is to become a bundle each. The newest segment of a log
 * never is in one: who asks for the newest finds it at once.
 */
export class CompactionPlan {
  private run: { first: number; last: number; bytes: number } | null = null;
  private newest: CompactableSegment | null = null;
  private readonly found: { first: number; last: number }[] = [];

  /** Nothing that was sealed after `before` goes into a bundle. */
  constructor(private readonly before: Date) {}

  add(segment: CompactableSegment): void {
    if (this.newest) this.take(this.newest);
    this.newest = segment;
  }

  /** The bundles to be made; called once, after the last one was added. */
  bundles(): { first: number; last: number }[] {
    this.endRun();
    return this.found;
  }

  private take({ number, storedBytes, sealedAt, bundled }: CompactableSegment): void {
    if (bundled || storedBytes >= SMALL_SEGMENT_BYTES || sealedAt > this.before) {
      this.endRun();
      return;
    }
    const { run } = this;
    if (run?.last === number - 1 && run.bytes + storedBytes <= BUNDLE_BYTES) {
      run.last = number;
      run.bytes += storedBytes;
      return;
    }
    this.endRun();
    this.run = { first: number, last: number, bytes: storedBytes };
  }

  private endRun(): void {
    const { run } = this;
    if (run && run.last - run.first + 1 >= LEAST_SEGMENTS) this.found.push({ first: run.first, last: run.last });
    this.run = null;
  }
}
