import type { Document } from "mongodb";

/** The target is not the primary that it was, or can't be reached: what it acknowledged without a majority may be gone. */
export class TargetChanged extends Error {
  override readonly name = "TargetChanged";
}

/**
 * Which primary answers. Writes are acknowledged by the primary alone and made durable later, all at once; if another primary takes over in
 * between, or the same one after a crash, the driver goes on without a word, and only the election's id in the replies shows it.
 */
export class TargetTerm {
  private election: string | undefined;

  /** Looks at the reply of a write command; throws `TargetChanged`. Standalone servers and mongos send no election. */
  check({ electionId }: Document): void {
    const election = electionId === undefined ? "" : String(electionId);
    this.election ??= election;
    if (election !== this.election) throw new TargetChanged("the target has another primary than before");
  }

  /** Before the log is read again from the last mark. */
  reset(): void {
    this.election = undefined;
  }
}
