import { OplogError, parseTime, readCoverage, resolveTime, resolveUri, type Store, type Time } from "@oplog-collector/collector-core";
import { type ApplyOptions, apply, DEFAULT_LANES, planOf } from "@oplog-collector/restore";
import { type Command, InvalidArgumentError } from "commander";
import { type LogOptions, nameOption, storeOption, withLog } from "../open-log.js";
import { printJson } from "../print.js";

interface ApplyCommandOptions extends LogOptions {
  from: Time;
  to: Time;
  target: string;
  ns?: string[];
  excludeNs?: string[];
  rename?: string[];
  lanes: number;
  dryRun?: boolean;
  json?: boolean;
}

export const addApply = (program: Command): void => {
  program
    .command("apply")
    .summary("applies a range of a log to a target")
    .description(
      "Applies the events after --from, up to and including --to, to the target, which must hold what the source held at --from.",
    )
    .addOption(storeOption())
    .addOption(nameOption())
    .requiredOption("--from <time>", "after this moment (exclusive)", parseTime)
    .requiredOption("--to <time>", "up to this moment (inclusive)", parseTime)
    .requiredOption("--target <uri>", "the deployment to apply to, or env:NAME, file-ref:PATH")
    .option("--ns <glob...>", 'only these namespaces: "shop.orders", "shop.*"')
    .option("--exclude-ns <glob...>", "not these namespaces")
    .option(
      "--rename <a=b...>",
      'another name on the target: "shop=shop_old" for a database, "shop.orders=shop.orders_old" for a collection',
    )
    .option("--lanes <n>", "documents written in parallel", parseLanes, DEFAULT_LANES)
    .option("--dry-run", "print the plan and apply nothing")
    .option("--json", "print one JSON document")
    .action(applyCommand);
};

async function applyCommand(options: ApplyCommandOptions): Promise<void> {
  await withLog(options, async (store) => {
    const request = await requestOf(options, store);
    await printJson(options.dryRun ? { plan: await planOf(request) } : await apply(request));
  });
}

async function requestOf(options: ApplyCommandOptions, store: Store): Promise<ApplyOptions> {
  const coverage = await readCoverage(store);
  const after = await resolveTime(options.from, store, coverage);
  const to = await resolveTime(options.to, store, coverage);
  if (to < after) throw new OplogError("BAD_INPUT", `--from ${options.from.text} is after --to ${options.to.text}`, { hint: "Swap them." });
  return {
    store,
    log: options.name,
    target: resolveUri(options.target),
    after,
    to,
    lanes: options.lanes,
    ns: options.ns,
    excludeNs: options.excludeNs,
    renames: options.rename,
  };
}

function parseLanes(text: string): number {
  if (!/^[1-9]\d{0,2}$/.test(text)) throw new InvalidArgumentError("It is not a whole number from 1 to 999.");
  return Number(text);
}
