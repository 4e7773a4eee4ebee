import type { ApplyReport } from "@oplog-collector/restore";
import { DEFAULT_LANES, type RoutingOptions } from "@oplog-collector/restore";
import { type Command, InvalidArgumentError } from "commander";
import { count } from "./amounts.js";

/** What every command that writes a log to a target takes to choose what goes where. */
export interface TargetOptions {
  target: string;
  ns?: string[];
  excludeNs?: string[];
  rename?: string[];
  lanes: number;
  users?: boolean;
}

export const addTargetOptions = (command: Command, { target, users }: { target: string; users: string }): Command =>
  command
    .requiredOption("--target <uri>", `${target}, or env:NAME, file-ref:PATH`)
    .option("--ns <glob...>", 'only these namespaces: "shop.orders", "shop.*"')
    .option("--exclude-ns <glob...>", "not these namespaces")
    .option(
      "--rename <a=b...>",
      'another name on the target: "shop=shop_old" for a database, "shop.orders=shop.orders_old" for a collection',
    )
    .option("--lanes <n>", "writes in parallel", parseLanes, DEFAULT_LANES)
    .option("--users", users);

export const TARGET_INCOMPLETE = "; the target is incomplete. Run the same command with --resume to go on.";

export const TIME_HELP =
  'TIME is ISO-8601 ("2026-11-22T14:05:24.269Z"), a cluster time ("1795356656,17"), a resume token, or "now" (the end of what is covered).';

export const routingOf = ({ ns, excludeNs, rename, users }: TargetOptions): RoutingOptions => ({ ns, excludeNs, renames: rename, users });

/** What became of the events of a log. */
export function linesOfApply({ skipped, cutTransactions, lastApplied, firstNotApplied, notes }: ApplyReport): string[] {
  const { count: cut, first } = cutTransactions;
  return [
    ...skipped.map(({ why, events }) => `Left out: ${count(events)}: ${why}`),
    `Last event applied: ${lastApplied ? `${lastApplied.clusterTime} (${lastApplied.wallTime})` : "none, the range is empty"}`,
    `First event not applied: ${firstNotApplied ? `${firstNotApplied.clusterTime} (${firstNotApplied.wallTime})` : "none, the log ends here"}`,
    ...(cut > 0
      ? [
          `The filter cut ${count(cut)} transactions, only a part of each was applied: ${first.map(({ clusterTime }) => clusterTime).join(", ")}`,
        ]
      : []),
    ...notes,
  ];
}

function parseLanes(text: string): number {
  if (!/^[1-9]\d{0,2}$/.test(text)) throw new InvalidArgumentError("It is not a whole number from 1 to 999.");
  return Number(text);
}
