/** A fault that someone could make: what it changes in the source, and what the simulation must say of it. */
export interface Mutant {
  fault: string;
  /** The file in `src`, what stands there exactly once, and what is put in its place. */
  edits: readonly (readonly [file: string, is: string, becomes: string])[];
  shows: RegExp;
}

/** Each has been, or could easily be, in some program that tails a log. */
export const mutants: readonly Mutant[] = [
  {
    fault: "a checkpoint passes events that are still in hand",
    edits: [["checkpoint-keeper.ts", "const ahead = writer.idle && (", "const ahead = ("]],
    shows: /a checkpoint passes \d+ events that are not stored/,
  },
  {
    fault: "a number that is taken counts as stored, whoever's segment it is",
    edits: [["append.ts", "if (stored.hash.equals(segment.hash)) return;", "return;"]],
    shows: /not durable|in hand|not chained|does not begin|not complete|passes/,
  },
  {
    fault: "a segment that the store did not take is dropped",
    edits: [["append.ts", "appendOnce(store, segment).then(() => true)", "appendOnce(store, segment).then(() => true, () => true)"]],
    shows: /segment \d+ comes after|not durable/,
  },
  {
    fault: "the next segment does not wait until the one before it is stored",
    edits: [["segment-writer.ts", "await this.options.store({", "void this.options.store({"]],
    shows: /segment \d+ comes after|not durable|not stored|before the start is durable/,
  },
  {
    fault: "a checkpoint from before the newest segment is believed",
    edits: [["recover.ts", "checkpoint?.afterSegment === number && comparePositions(checkpoint.position, to) >= 0", "checkpoint !== null"]],
    shows: /bytes more than|went back|lacks event|still to come/,
  },
  {
    fault: "after an idle time the next segment begins at the checkpoint, and not where the one before it ended",
    edits: [["recover.ts", "position: to, coveredTo },", "position: ahead ? checkpoint.position : to, coveredTo },"]],
    shows: /does not begin where the one before it ended/,
  },
  {
    fault: "a segment that ends inside a transaction covers the transaction's time",
    edits: [["batch.ts", "if (time < next) return", "return"]],
    shows: /covers a cluster time of which an event is still to come/,
  },
  {
    fault: "a segment's end is the end of its batch",
    edits: [["batch.ts", "count === batch.events\n", "count <= batch.events\n"]],
    shows: /lacks event|position that is not durable/,
  },
  {
    fault: "an event that does not fit into the segment is skipped",
    edits: [
      [
        "open-segment.ts",
        "if (this.events >= this.limits.events || (this.events > 0 && this.bytes + size > this.limits.bytes)) return false;",
        "if (this.events >= this.limits.events) return false; if (this.events > 0 && this.bytes + size > this.limits.bytes) return true;",
      ],
    ],
    shows: /lacks event|wrong size|position that is not durable/,
  },
  {
    fault: "memory is not bounded while the store is away",
    edits: [["segment-writer.ts", "while (this.pending.length >= IN_FLIGHT &&", "while (this.pending.length < 0 &&"]],
    shows: /events in hand and asks for more/,
  },
  {
    fault: "after a restart by time what is stored already is not dropped",
    edits: [["source/reply-batch.ts", "if (!this.lastToken.isBefore(event, scan.tokenStart)) continue;", ""]],
    shows: /went back|lacks event|bytes more than/,
  },
  {
    fault: "after a restart by time the position falls back to what was dropped",
    edits: [
      [
        "source/reply-batch.ts",
        "if (comparePositions(position, this.position) >= 0) this.position = position;",
        "this.position = position;",
      ],
      ["segment-writer.ts", "if (comparePositions(batch.position, this.position) < 0) throw wentBack();", ""],
    ],
    shows: /lacks event|bytes more than|went back|checkpoint/,
  },
  {
    fault: "a token that the stream does not know is tried again and again",
    edits: [["source/classify-error.ts", 'return "restart-at-time";', 'return "resume";']],
    shows: /not complete|does not/,
  },
  {
    fault: "on a sharded cluster an empty reply completes the last cluster time",
    edits: [["source/reply-batch.ts", "empty && !this.sharded", "empty"]],
    shows: /covers a cluster time of which an event is still to come|shows coverage that is not durable/,
  },
  {
    fault: "a fragment of a large event can't be read",
    edits: [
      [
        "source/reply-batch.ts",
        "fragment.subarray(splitEvent, splitEvent + fragment.readInt32LE(splitEvent))",
        "fragment.subarray(splitEvent)",
      ],
    ],
    shows: /not complete|does not/,
  },
  {
    fault: "a stream that has died without a word is not noticed",
    edits: [["stall.ts", "now.at - moved.at < this.patienceMs", "true"]],
    shows: /not complete|does not/,
  },
  {
    fault: "only a stream that was opened again can be opened again",
    edits: [
      [
        "stream-keeper.ts",
        "this.stream = stream;\n",
        "this.stream = stream;\n    if (start.kind !== 'after') this.reading = new AbortController();\n",
      ],
    ],
    shows: /not complete|does not/,
  },
  {
    fault: "what is in hand is forgotten when history is lost",
    edits: [
      ["stream-keeper.ts", "await writer.flush();", ""],
      ["collector.ts", "await failureOf(log.finish());", "failed ?? (await failureOf(log.finish()));"],
    ],
    shows: /events in hand were not stored/,
  },
  {
    fault: "a gap leaves out more than what is lost",
    edits: [["stream-keeper.ts", 'return await this.open({ kind: "oldest" });', 'return await this.open({ kind: "now" });']],
    shows: /leaves out more than the source has cut off/,
  },
  {
    fault: "a gap is stored where the source reaches back",
    edits: [
      [
        "stream-keeper.ts",
        "if (oldest && comparePositions(oldest.position, writer.position) > 0) return oldest;",
        "if (oldest) return oldest;",
      ],
    ],
    shows: /went back|ends before it begins/,
  },
  {
    fault: "a timeline ends before the gap after it begins",
    edits: [
      [
        "coverage.ts",
        "if (this.open) this.open.to = from.clusterTime",
        "if (this.open && from.clusterTime < this.open.to.clusterTime) this.open.to = from.clusterTime",
      ],
    ],
    shows: /does not end where the gap after it begins/,
  },
  {
    fault: "a checkpoint that names another writer is not heeded",
    edits: [["checkpoint-keeper.ts", '=== "fenced")', '=== "taken" as string)']],
    shows: /not one collector goes on/,
  },
  {
    fault: "of two collectors neither goes on",
    edits: [["collector.ts", "if (checkpoint?.writer?.id !== this.self.id) throw error;", "throw error;"]],
    shows: /the writer of the log ended as fenced/,
  },
  {
    fault: "running is said before the start is durable",
    edits: [["collector.ts", 'await log.begin({ kind: "start"', 'void log.begin({ kind: "start"']],
    shows: /before the start is durable|shows a position that is not durable/,
  },
  {
    fault: "it ends as caught up when a reply was dropped",
    edits: [
      [
        "stream-keeper.ts",
        "const { caughtUp, position } = next.value;",
        "const { position } = next.value; const caughtUp = next.value.events === 0;",
      ],
    ],
    shows: /ended before it had caught up/,
  },
  {
    fault: "a source that fails for a moment at the start ends the run",
    edits: [
      [
        "collector.ts",
        'await this.troubles.trying("source", signal, () => this.checkContinues(recovered, identity), isHopeless);',
        "await this.checkContinues(recovered, identity);",
      ],
    ],
    shows: /ended for no reason/,
  },
  {
    fault: "a store that is away holds up a stop for ever",
    edits: [["collector.ts", "void log.hurry();", ""]],
    shows: /a collector does not stop/,
  },
  {
    fault: "a source that is away holds up a stop until its socket's timeout",
    edits: [["stream-keeper.ts", "this.isOutOfPatience = true;\n      this.abandon();", ""]],
    shows: /a collector does not stop/,
  },
  {
    fault: "the log is not let go after a stop",
    edits: [["log-keeper.ts", "this.checkpoints.release(this.ended.signal)", "undefined"]],
    shows: /after a clean stop the log is still held/,
  },
  {
    fault: "a release is taken back by a checkpoint on its way",
    edits: [
      [
        "log-keeper.ts",
        "this.keeping.then(() => this.checkpoints.release(this.ended.signal))",
        "this.checkpoints.release(this.ended.signal)",
      ],
    ],
    shows: /after a clean stop the log is still held/,
  },
  {
    fault: "a timer goes on after the end",
    edits: [["segment-writer.ts", "this.open?.sealed.abort();", ""]],
    shows: /timers are left after the end/,
  },
  {
    fault: "a cursor stays open after the end",
    edits: [
      [
        "stream-keeper.ts",
        "if (batches.return) await this.patiently(batches.return(undefined)); // if it fails, the next open tells\n      await this.closeStream();",
        "this.stream = null;",
      ],
    ],
    shows: /streams are left open after the end/,
  },
  {
    fault: "the retry is shown without its reason",
    edits: [["collector.ts", "this.board.update({ state, error });", "this.board.update({ state });"]],
    shows: /does not say why/,
  },
];
