import { ChangeStreamSource, type Source } from "@oplog-collector/collector-core";

/** How `--capture` asks for the source to be read. */
export const CAPTURE_MODES = ["auto", "change-stream"] as const;

export type CaptureMode = (typeof CAPTURE_MODES)[number];

/** The source for the way of capture that was asked for. */
export async function chooseSource(options: { capture: CaptureMode; uri: string; database: string | null }): Promise<Source> {
  return new ChangeStreamSource({ uri: options.uri, database: options.database });
}
