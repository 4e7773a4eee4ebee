/** The program that `file-store.test.ts` kills: appends segments to a log in a directory, and prints the number of each that is stored. */
import { writeSync } from "node:fs";
import { fileStoreLocation } from "./file-store.js";
import { sampleSegment } from "./sample-segment.js";

const [directory, first] = process.argv.slice(2);
const log = await fileStoreLocation(directory!).log("orders");
for (let number = Number(first); ; number++) {
  // Large enough that a kill mostly comes in the middle of a write.
  await log.append(sampleSegment({ number, payload: Buffer.alloc(500_000, number) }));
  writeSync(1, `${number}\n`);
}
