import { OplogError } from "../errors.js";
import type { Checkpoint } from "../store.js";
import { decodeCheckpoint, encodeCheckpoint, isHeldByAnother, writerOf } from "./stored-checkpoint.js";

/** Where files or objects lie, each created once under a name that is free. */
export interface CheckpointPlace {
  /** The sequence numbers that are there, ascending. */
  sequences(): Promise<number[]>;
  read(sequence: number): Promise<Buffer | null>;
  create(sequence: number, bytes: Buffer): Promise<"stored" | "taken">;
  /** Also of one that is gone already. */
  remove(sequences: number[]): Promise<void>;
  nameOf(sequence: number): string;
}

/** The name of a checkpoint in a folder of its log. */
export const CHECKPOINT_NAME = /^checkpoint-(\d{10,})\.bson$/;
export const checkpointName = (sequence: number): string => `checkpoint-${`${sequence}`.padStart(10, "0")}.bson`;

/**
 * The checkpoint of a log in a place of files or objects. Each is a new one, numbered one above the one it replaces and made only if that
 * number is free: of two writers that both found themselves entitled, one finds the number taken and looks again. Were it replaced in its
 * place, the slower one would win, fenced or not.
 */
export class CheckpointSequence {
  #lastWriter: string | undefined;

  constructor(private readonly place: CheckpointPlace) {}

  async read(): Promise<Checkpoint | null> {
    for (;;) {
      const newest = await this.#newest();
      if (newest === 0) return null;
      const bytes = await this.place.read(newest);
      if (bytes) return this.#decode(newest, bytes); // absent: replaced meanwhile
    }
  }

  async write(checkpoint: Checkpoint, takeOver: boolean): Promise<"stored" | "fenced"> {
    const writer = writerOf(checkpoint, this.#lastWriter);
    for (;;) {
      const newest = await this.#newest();
      if (!takeOver && isHeldByAnother(await this.read(), writer)) return "fenced";
      if ((await this.place.create(newest + 1, encodeCheckpoint(checkpoint))) === "taken") continue;
      // The number may also have been free because it was replaced long ago, if we slept between the look and the write.
      if ((await this.#newest()) !== newest + 1) continue;
      this.#lastWriter = writer;
      await this.#removeUpTo(newest);
      return "stored";
    }
  }

  remove(): Promise<void> {
    return this.#removeUpTo(Number.POSITIVE_INFINITY);
  }

  async #removeUpTo(last: number): Promise<void> {
    const old = (await this.place.sequences()).filter((sequence) => sequence <= last);
    if (old.length > 0) await this.place.remove(old);
  }

  #newest = async (): Promise<number> => (await this.place.sequences()).at(-1) ?? 0;

  #decode(sequence: number, bytes: Buffer): Checkpoint {
    try {
      return decodeCheckpoint(bytes);
    } catch (error) {
      throw new OplogError("DAMAGED", `The checkpoint ${this.place.nameOf(sequence)} is not what was written`, {
        cause: error,
        hint: "Delete it: the log goes on from its newest segment.",
      });
    }
  }
}
