/**
 * For those who write a store of their own, or test against one:
 *
 * ```ts
 * import { storeConformanceCases } from "@oplog-collector/collector-core/testing";
 *
 * for (const { name, run } of storeConformanceCases) test(name, () => run(openMyStore));
 * ```
 */

export { type OpenedForTest, type StoreConformanceCase, storeConformanceCases } from "./stores/conformance.js";
export { memoryStoreLocation } from "./stores/memory-store.js";
export { type SampleSegment, sampleCheckpoint, samplePosition, sampleSegment } from "./stores/sample-segment.js";
