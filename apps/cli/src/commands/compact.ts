import { type Compacted, compactLog, dateOf, parseTime, readCoverage, resolveTime, type Time } from "@oplog-collector/collector-core";
import type { Command } from "commander";
import { count, size } from "../amounts.js";
import { EXIT } from "../exit-code.js";
import { type LogOptions, nameOption, storeOption, withLog } from "../open-log.js";
import { printJson, printLine, tell } from "../print.js";
import { progressLine } from "../progress-line.js";
import { stopSignal } from "../stop-signal.js";

interface CompactOptions extends LogOptions {
  before?: Time;
  dryRun?: boolean;
  json?: boolean;
}

export const addCompact = (program: Command): void => {
  program
    .command("compact")
    .summary("keeps many small segments as few large objects")
    .description(
      "Puts runs of small segments, as a quiet source makes them, into one object each. The segments themselves stay what they are, byte for byte, with their numbers, hashes and chain: only how the store keeps them changes. Segments of the last two minutes, and the newest one, stay as they are. The collector may run meanwhile, and so may readers. Interrupted, it is done again.",
    )
    .addOption(storeOption())
    .addOption(nameOption())
    .option("--before <time>", "only what was sealed before this moment", parseTime)
    .option("--dry-run", "says what would be put together, and changes nothing")
    .option("--json", "print one JSON document")
    .addHelpText("after", "\nExample:\n  $ oplog compact --store file:///var/lib/oplog --name shop --dry-run")
    .action(compact);
};

async function compact(options: CompactOptions): Promise<void> {
  const { dryRun = false } = options;
  using stop = stopSignal();
  const line = progressLine();
  const compacted = await withLog(options, async (store) => {
    const before = options.before && dateOf(await resolveTime(options.before, store, await readCoverage(store)));
    return compactLog(store, {
      ...(before && { before }),
      dryRun,
      signal: stop.signal,
      onProgress: ({ segments, bundles }) => line.show(`${count(segments)} segments in ${count(bundles)} bundles`),
    });
  }).finally(() => line.clear());
  if (options.json) await printJson({ dryRun, ...compacted });
  else await printLine(textOf(options.name, compacted, dryRun));
  if (!stop.signal.aborted) return;
  tell("oplog: interrupted. What is put together stays so: run compact again to go on.");
  process.exitCode = EXIT.interrupted;
}

function textOf(name: string, { bundles, segments, storedBytes, bundleBytes, leftovers }: Compacted, dryRun: boolean): string {
  const left = leftovers > 0 ? [`Removed ${count(leftovers)} objects that an interrupted run had left.`] : [];
  if (bundles === 0) return [`${name}: nothing to put together`, ...left].join("\n");
  const what = `${count(segments)} segments in ${count(bundles)} bundles`;
  const sizes = bundleBytes === null ? size(storedBytes) : `${size(storedBytes)} before, ${size(bundleBytes)} now`;
  return [`${name}: ${dryRun ? "would put" : "put"} ${what}: ${sizes}`, ...left].join("\n");
}
