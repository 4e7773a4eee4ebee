import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { CHECKPOINT_NAME, CheckpointSequence, checkpointName } from "./checkpoint-sequence.js";
import { createFile, isAbsent, namesIn, numbersOf, removeFile } from "./durable-file.js";

/** The checkpoint of a log in a directory. */
export function checkpointFiles(folder: string): CheckpointSequence {
  const path = (sequence: number) => join(folder, checkpointName(sequence));
  return new CheckpointSequence({
    sequences: async () => numbersOf(await namesIn(folder), CHECKPOINT_NAME),
    read: (sequence) => readFile(path(sequence)).catch(isAbsent),
    create: (sequence, bytes) => createFile(path(sequence), [bytes]),
    async remove(sequences) {
      for (const sequence of sequences) await removeFile(path(sequence));
    },
    nameOf: path,
  });
}
