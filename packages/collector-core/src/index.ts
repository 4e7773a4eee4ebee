/**
 * Captures every change of a MongoDB deployment into a separate, verifiable log.
 *
 *     const store = await (await openStore("file:///var/oplog")).log("shop");
 *     const collector = new Collector({ name: "shop", source: new ChangeStreamSource({ uri }), store });
 *     await collector.run(signal);
 */
export { appendOnce } from "./append.js";
export type { Batch } from "./batch.js";
export * from "./bson-writer.js";
export { canonicalJson } from "./canonical-json.js";
export type {
  CaptureFinding,
  CaptureReport,
  CaptureWay,
  Carried,
  FindingKind,
} from "./capture-report/capture-report.js";
export { type Clock, systemClock } from "./clock.js";
export { type ClusterTime, clusterTime, dateOf, formatClusterTime, ordinalOf, parseClusterTime, secondsOf } from "./cluster-time.js";
export { CODECS, type Codec, compress, DEFAULT_CODEC, decompress } from "./codec.js";
export { Collector, type CollectorOptions } from "./collector.js";
export { COMPACT_AFTER_MS, type Compacted, type CompactOptions, compactLog } from "./compact-log.js";
export { type CopyLogOptions, type CopyProgress, copyLog } from "./copy-log.js";
export { type Coverage, CoverageBuilder, type Gap, readCoverage, type Timeline, timelineFor } from "./coverage.js";
export { checkCapturedDatabase } from "./database-name.js";
export { describeError } from "./describe-error.js";
export { type DoctorCheck, type DoctorOptions, examine } from "./doctor.js";
export { isOplogError, OplogError, type OplogErrorCode } from "./errors.js";
export { ChangeEventScan, type EventKind, positionOfEvent } from "./event.js";
export { type EventFilter, type EventFilterOptions, eventFilter } from "./event-filter.js";
export { type ForwardPosition, type PrintedForwardPosition, printForwardPosition } from "./forward/forward-position.js";
export {
  type ForwardState,
  type ForwardStatus,
  initialForwardStatus,
  type PrintedForwardStatus,
  printForwardStatus,
} from "./forward/forward-status.js";
export type { ForwardTarget, Publication } from "./forward/forward-target.js";
export { Forwarder, type ForwarderOptions } from "./forward/forwarder.js";
export { KafkaTarget, type KafkaTargetOptions } from "./forward/kafka-target.js";
export type { ForwardedEvent } from "./forward/log-follower.js";
export { type Keyring, keyring, keysFromEnvironment } from "./keyring.js";
export { logFormat } from "./log-format.js";
export { checkLogName, parseLogName, snapshotLogName } from "./log-name.js";
export { checkRangeCovered, type LogRange, readRange, resolveRange } from "./log-range.js";
export { clientOptions, makeClient } from "./mongo-client.js";
export { namespaceMatcher } from "./namespace-glob.js";
export { DEFAULT_SEGMENT_LIMITS, type SegmentLimits } from "./open-segment.js";
export { OplogEntryScan, type TransactionLink } from "./oplog-entry.js";
export {
  clusterTimeOfToken,
  comparePositions,
  type Position,
  type PrintedPosition,
  positionOfToken,
  printPosition,
  tokenData,
  tokenFromData,
} from "./position.js";
export { hideSecretsInProcessList } from "./process-title.js";
export * from "./raw-bson.js";
export { type DocumentsField, rawField, runWithDocuments } from "./raw-command.js";
export { type ReadEventsOptions, readEvents, type StoredEvent } from "./read-events.js";
export { checkSameSource } from "./recover.js";
export { redact, redactUri } from "./redact.js";
export { isLoginRefused, loginRefused, refusal } from "./refusal.js";
export { backoffMs, DEFAULT_RETRY, type RetryOptions } from "./retry.js";
export {
  decodeHeader,
  type EventCount,
  type EventFormat,
  encodeHeader,
  eventsOf,
  type GapCause,
  hashSegment,
  readPayload,
  SEGMENT_FORMAT_VERSION,
  type SealedSegment,
  type SegmentHeader,
  type SegmentKind,
  type SourceIdentity,
  sealSegment,
} from "./segment.js";
export { findBlindSpots, mayReadOplog } from "./source/blind-spots.js";
export { ChangeStreamSource, type ChangeStreamSourceOptions } from "./source/change-stream.js";
export {
  CAPTURE_MODES,
  type Capture,
  type CaptureChoice,
  type CaptureFacts,
  type CaptureMode,
  type ChooseCaptureOptions,
  captureSource,
  chooseCapture,
  decideCapture,
} from "./source/choose-capture.js";
export { classifySourceError, type SourceErrorClass } from "./source/classify-error.js";
export { identifyDeployment, newestClusterTime, oldestClusterTime, processIds, readOplogWindow } from "./source/deployment.js";
export { OplogSource, type OplogSourceOptions } from "./source/oplog-source.js";
export { type CursorReply, readCursorReply } from "./source/reply-batch.js";
export type { EventStream, OplogWindow, Source, StartPoint } from "./source/source.js";
export { type ConnectSource, clientForMany, ownClient, type SourceClient } from "./source/source-client.js";
export { parseStartPoint } from "./start-point.js";
export {
  type CollectorState,
  type CollectorStatus,
  initialStatus,
  type PrintedStatus,
  printStatus,
  type StatusError,
  type StatusListener,
} from "./status.js";
export type { Bundling, Checkpoint, Sink, Store, StoredHeader, StoreLocation, Writer } from "./store.js";
export type { ObjectPart, ObjectPlace } from "./stores/object-place.js";
export { objectStoreLocation } from "./stores/object-store.js";
export { type OpenStoreOptions, openStore } from "./stores/open-store.js";
export { type OpenStoreWhenUpOptions, openStoreWhenUp } from "./stores/open-store-when-up.js";
export { decodeCheckpoint, encodeCheckpoint } from "./stores/stored-checkpoint.js";
export { parseTime, resolveTime, type Time } from "./time.js";
export { resolveUri } from "./uri.js";
export { type Verification, verifyLog } from "./verify.js";
