/** Reads a log back: puts a MongoDB deployment to any moment that the log covers. */
export { type ApplyOptions, type ApplyProgress, apply, DEFAULT_LANES, planOf } from "./apply.js";
export type { ApplyReport, CutTransaction } from "./apply-report.js";
export { type CopyReport, copy } from "./copy.js";
export { type ExportFormat, type ExportOptions, type ExportReport, exportLog } from "./export.js";
export { type Plan, planApply } from "./plan.js";
export { type RestoreReport, restore } from "./restore.js";
export { planRestore, type RestoreOptions, type RestorePlan, type RestoreProgress } from "./restore-plan.js";
export { checkNotHeld, type LegalHold, readHold, writeHold } from "./retention/legal-hold.js";
export { type Pruned, type PruneOptions, prune } from "./retention/prune.js";
export { type StorageForecast, storageForecast } from "./retention/storage-forecast.js";
export type { RoutingOptions } from "./routing.js";
export { listSnapshots, printSnapshot, type Snapshot } from "./snapshot/list-snapshots.js";
export { copyFilter } from "./snapshot/replay-filter.js";
export { type SnapshotProgress, type TakenSnapshot, type TakeSnapshotOptions, takeSnapshot } from "./snapshot/take-snapshot.js";
export { type LookAtUsersOptions, type LookedAtUsers, lookAtUsers } from "./users/look-at-users.js";
export { type WholeRange, wholeMoment, wholeTransactions } from "./whole-transactions.js";
