import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { OplogError } from "../errors.js";
import type { Checkpoint } from "../store.js";
import { createFile, isAbsent, namesIn, numbersOf, removeFile } from "./durable-file.js";
import { decodeCheckpoint, encodeCheckpoint, isHeldByAnother, writerOf } from "./stored-checkpoint.js";

const CHECKPOINT = /^checkpoint-(\d{10,})\.bson$/;

/**
 * The checkpoint of a log in a directory. Each is a new file, numbered one above the one it replaces and made only if that number is free:
 * of two writers that both found themselves entitled, one finds the number taken and looks again. Were it a rename, the slower one would
 * win, fenced or not.
 */
export class CheckpointFiles {
  readonly #folder: string;
  #lastWriter: string | undefined;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async read(): Promise<Checkpoint | null> {
    for (;;) {
      const newest = await this.#newest();
      if (newest === 0) return null;
      const bytes = await readFile(this.#path(newest)).catch(isAbsent);
      if (bytes) return this.#decode(newest, bytes); // absent: replaced meanwhile
    }
  }

  async write(checkpoint: Checkpoint, takeOver: boolean): Promise<"stored" | "fenced"> {
    const writer = writerOf(checkpoint, this.#lastWriter);
    for (;;) {
      const newest = await this.#newest();
      if (!takeOver && isHeldByAnother(await this.read(), writer)) return "fenced";
      if ((await createFile(this.#path(newest + 1), [encodeCheckpoint(checkpoint)])) === "taken") continue;
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
    for (const sequence of await this.#sequences()) if (sequence <= last) await removeFile(this.#path(sequence));
  }

  #sequences = async (): Promise<number[]> => numbersOf(await namesIn(this.#folder), CHECKPOINT);
  #newest = async (): Promise<number> => (await this.#sequences()).at(-1) ?? 0;
  #path = (sequence: number): string => join(this.#folder, `checkpoint-${`${sequence}`.padStart(10, "0")}.bson`);

  #decode(sequence: number, bytes: Buffer): Checkpoint {
    try {
      return decodeCheckpoint(bytes);
    } catch (error) {
      throw new OplogError("DAMAGED", `The checkpoint ${this.#path(sequence)} is not what was written`, {
        cause: error,
        hint: "Delete the file: the log goes on from its newest segment.",
      });
    }
  }
}
