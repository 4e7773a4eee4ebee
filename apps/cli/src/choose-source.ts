import { type CaptureMode, captureSource, logFormat, type Source, type Store } from "@oplog-collector/collector-core";

/** The source for the way of capture that was asked for; `auto` goes on as the log began. */
export async function chooseSource(options: { capture: CaptureMode; uri: string; database: string | null; store: Store }): Promise<Source> {
  return captureSource({
    uri: options.uri,
    database: options.database,
    mode: options.capture,
    logFormat: options.capture === "auto" ? await logFormat(options.store) : null,
  });
}
