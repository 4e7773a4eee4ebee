/**
 * Keeps one collector running for each registered MongoDB cluster, on one machine or shared by several.
 *
 *     const manager = await createManager({ metadataUri, secrets: await SecretBox.fromKeyFile("./data/encryption.key"), logDir: "./logs" });
 *     await manager.begin();
 */
export type { Desired } from "./cluster.js";
export type { ClusterView } from "./cluster-view.js";
export type { Job, JobKind, JobState } from "./jobs.js";
export { DEFAULT_LOG_ROTATION, type LogRotation, type OpenLog, openLog, pinoLevel } from "./log-file.js";
export type { LogSummary } from "./log-summary.js";
export { createManager, type Manager } from "./manager.js";
export type {
  EventFilter,
  EventRow,
  LogCoverage,
  ManagerApi,
  ManagerEvent,
  RestoreRequest,
  StatsRow,
  UnusualMoment,
} from "./manager-api.js";
export type { ManagerOptions } from "./manager-options.js";
export { type MetadataDatabase, openMetadata } from "./metadata-database.js";
export type { RecentFigures } from "./recent-figures.js";
export {
  type FieldProblem,
  InvalidFields,
  type Registration,
  type RegistrationChange,
  type RegistrationInput,
  registrationChangeSchema,
  registrationSchema,
} from "./registration.js";
export type { KeyRotation } from "./registry.js";
export { addKeyToFile, SecretBox } from "./secrets.js";
