import {
  Collector,
  type ConnectSource,
  captureSource,
  describeError,
  type EventFormat,
  initialStatus,
  isOplogError,
  logFormat,
  openStoreWhenUp,
  ownClient,
  type PrintedStatus,
  parseStartPoint,
  printStatus,
  resolveUri,
  type Store,
} from "@oplog-collector/collector-core";
import { type OpenLog, openLog } from "./log-file.js";
import { ReportThrottle } from "./report-throttle.js";
import type { RunSpec } from "./runner.js";

/** Between tries of a store that answered once and does not now. */
const STORE_RETRY_MS = 1_000;

/** Where a collector gets its store and its source from. */
export interface CollectorConnections {
  /** @default a connection of its own */
  openLocation: typeof openStoreWhenUp;
  /** @default a client of its own */
  connect: ConnectSource;
}

/** Runs one collector from its spec until the signal aborts or it can't go on; resolves with its last status, and never rejects. */
export async function runCollector(
  spec: RunSpec,
  signal: AbortSignal,
  report: (status: PrintedStatus) => void,
  { openLocation = openStoreWhenUp, connect = ownClient }: Partial<CollectorConnections> = {},
): Promise<PrintedStatus> {
  let log: OpenLog = openLog(null, spec.logLevel);
  const opened: { close(): Promise<unknown> }[] = [];
  const starting = initialStatus(process.pid);
  using reports = new ReportThrottle(report, starting);
  try {
    log = openLog(spec.logFile, spec.logLevel, spec.logRotation);
    const retry = spec.maxRetries === null ? {} : { maxRetries: spec.maxRetries };
    const onTrouble = (error: PrintedStatus["error"]) =>
      reports.show(error ? { ...starting, state: "retrying_connection", error } : starting);
    const location = await openLocation(spec.storeUri, { signal, retry, onTrouble });
    if (!location) return printStatus({ ...starting, state: "stopped" });
    opened.push(location);
    const store = await location.log(spec.name);
    opened.push(store);
    const format = spec.capture === "auto" ? await formatOf(store, signal, onTrouble) : null;
    const source = captureSource({
      uri: resolveUri(spec.connectionString),
      database: spec.database,
      mode: spec.capture,
      logFormat: format,
      connect,
    });
    opened.push(source);
    const collector = new Collector({
      name: spec.name,
      source,
      store,
      storeLocation: location,
      from: parseStartPoint(spec.startFrom),
      acceptGap: spec.acceptGap,
      // The manager holds the lease: whoever wrote this log before has lost it.
      takeOver: true,
      limits: { ageMs: spec.rpoMs },
      retry,
      logger: log.logger,
    });
    collector.subscribe((status) => reports.show(status));
    log.logger.info({ cluster: spec.name, pid: process.pid }, "the collector starts");
    await collector.run(signal);
    log.logger.info({ cluster: spec.name }, "the collector has stopped");
    return printStatus(collector.status);
  } catch (error) {
    const described = describeError(error);
    log.logger.error({ ...described }, "the collector can't go on");
    const last = reports.last;
    // What the collector itself said of its end is more than we know.
    return printStatus(last.error && last.state.startsWith("error") ? last : { ...last, state: endState(error), error: described });
  } finally {
    await Promise.allSettled(opened.reverse().map((one) => one.close()));
    await log.close();
  }
}

const endState = (error: unknown) => (isOplogError(error, "UNREACHABLE") ? "error_max_retries_reached" : "error");

/** What the log holds already, as soon as the store says so. */
async function formatOf(
  store: Store,
  signal: AbortSignal,
  onTrouble: (error: PrintedStatus["error"]) => void,
): Promise<EventFormat | null> {
  for (;;) {
    try {
      const format = await logFormat(store);
      onTrouble(null);
      return format;
    } catch (error) {
      if (isOplogError(error) || signal.aborted) throw error;
      onTrouble(describeError(error));
      await new Promise((resolve) => setTimeout(resolve, STORE_RETRY_MS));
    }
  }
}
