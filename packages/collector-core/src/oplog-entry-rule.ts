import type { EventKind } from "./event.js";

/**
 * Namespaces of a deployment's own bookkeeping: it describes this deployment's sessions, members and nodes, is made again by any other
 * deployment, and would harm one into which it were replayed. Everything else is kept, whichever the operation: what a restore applies is the
 * restore's decision, and what is not in the log can't be decided about later. `local` is not replicated, so it is never in an oplog.
 */
const BOOKKEEPING: readonly [namespace: RegExp, reason: string][] = [
  [/^config\.system\.sessions$/, "who is logged in at this deployment; refreshed all the time"],
  [/^config\.transactions$/, "how far each session of this deployment is: what makes its retried writes safe"],
  [/^config\.image_collection$/, "documents before or after a findAndModify, kept for a retried one"],
  [/^config\.system\.(preimages|change_collection)$/, "documents before a change, kept for readers of change streams, and not replicated"],
  [/^config\.system\.indexBuilds$/, "how far an interrupted index build is, on one member"],
  [
    /^config\.(transaction_coordinators|migrationCoordinators|rangeDeletions|reshardingOperations|localReshardingOperations\..*)$/,
    "work that this sharded cluster has begun",
  ],
  [/^config\.(cache\..*|vectorClock|mongos|lockpings|locks|changelog|actionlog)$/, "caches, locks and diaries of this cluster's members"],
  [/^config\.(external_validation_keys|tenantMigration.*|tenantSplitDonors)$/, "a hosted deployment's own migrations"],
  [/^admin\.system\.keys$/, "the keys with which this deployment signs its times"],
];

/** Why entries of this kind are left out of the log; null: they are kept. Left out, they still move the position. */
export function skipReason({ namespace, operation }: EventKind): string | null {
  // Also the images of retryable writes before 5.0, and what migrations and the balancer tell one another.
  if (operation === "noop") return "says something and changes nothing";
  for (const [pattern, reason] of BOOKKEEPING) if (pattern.test(namespace)) return reason;
  return null;
}
