import type { ClusterTime } from "../cluster-time.js";
import { OplogError } from "../errors.js";
import type { EventFormat, SourceIdentity } from "../segment.js";
import { mayReadOplog } from "./blind-spots.js";
import { ChangeStreamSource } from "./change-stream.js";
import { identifyDeployment } from "./deployment.js";
import { OplogSource } from "./oplog-source.js";
import type { EventStream, OplogWindow, Source, StartPoint } from "./source.js";
import { type ConnectSource, ownClient } from "./source-client.js";

/** How a source is read. */
export type Capture = "change-stream" | "oplog";

export const CAPTURE_MODES = ["auto", "change-stream", "oplog"] as const;

/** How to read it, as asked for. */
export type CaptureMode = (typeof CAPTURE_MODES)[number];

/** What decides how a source is read. */
export interface CaptureFacts {
  /** The one database that is captured; null: the whole deployment. */
  database: string | null;
  sharded: boolean;
  /** Our user may read `local.oplog.rs`. */
  oplogReadable: boolean;
}

/** Which way, and why, in words for the operator. */
export interface CaptureChoice {
  capture: Capture;
  why: string;
}

/** The way for a new log: the raw oplog where that is possible, as it is the faster and the more complete one. */
export function decideCapture({ database, sharded, oplogReadable }: CaptureFacts): CaptureChoice {
  const stream = (why: string): CaptureChoice => ({ capture: "change-stream", why });
  if (database !== null) return stream(`only the database ${database} is captured, and the oplog can only be captured whole`);
  if (sharded) return stream("the source is a sharded cluster, which has no single oplog");
  if (!oplogReadable) return stream("our user may not read local.oplog.rs (clusterMonitor would allow it)");
  return { capture: "oplog", why: "the source is a replica set whose oplog our user may read" };
}

export interface ChooseCaptureOptions {
  uri: string;
  /** Only this database. @default null: the whole deployment */
  database?: string | null;
  /** @default auto */
  mode?: CaptureMode;
  /** What the log holds already: `auto` goes on with it. @default null: the log is new */
  logFormat?: EventFormat | null;
  /** @default a client of its own */
  connect?: ConnectSource;
}

/** A source for the way of capture that was asked for. With `auto` and a new log, the source itself decides when it first meets the deployment. */
export function captureSource({
  uri,
  database = null,
  mode = "auto",
  logFormat = null,
  connect = ownClient,
}: ChooseCaptureOptions): Source {
  if (mode === "oplog" || (mode === "auto" && logFormat === "oplog-entry")) {
    if (database !== null)
      throw new OplogError("BAD_INPUT", `The raw oplog can only be captured whole, not for the database ${database} alone`, {
        hint: "Use --capture change-stream, or leave out --database: a restore can be limited to one database.",
      });
    return new OplogSource({ uri, connect });
  }
  if (mode === "change-stream" || logFormat !== null) return new ChangeStreamSource({ uri, database, connect });
  return new AutoSource({ uri, database, connect });
}

/** Looks at the deployment and at what our user may do there. */
export async function chooseCapture({
  uri,
  database = null,
  connect = ownClient,
}: Pick<ChooseCaptureOptions, "uri" | "database" | "connect">): Promise<CaptureChoice & { source: Source }> {
  const connection = connect(uri);
  const { client } = connection;
  try {
    const { sharded } = await identifyDeployment(client, database);
    const choice = decideCapture({ database, sharded, oplogReadable: !sharded && database === null && (await mayReadOplog(client)) });
    return { ...choice, source: captureSource({ uri, database, mode: choice.capture, connect }) };
  } finally {
    await connection.close();
  }
}

/** Is the source that suits the deployment, from the first time that the deployment answers. */
class AutoSource implements Source {
  private chosen: (CaptureChoice & { source: Source }) | undefined;

  constructor(private readonly options: Required<Pick<ChooseCaptureOptions, "uri" | "database" | "connect">>) {}

  get format(): EventFormat {
    return this.source.format;
  }

  async identify(): Promise<SourceIdentity> {
    this.chosen ??= await chooseCapture(this.options);
    return this.source.identify();
  }

  async open(start: StartPoint, signal: AbortSignal): Promise<EventStream> {
    const stream = await this.source.open(start, signal);
    const { capture, why } = this.chosen!;
    const notes = [`Captured through the ${capture === "oplog" ? "raw oplog" : "change stream"}: ${why}.`, ...stream.notes];
    return {
      position: stream.position,
      coveredTo: stream.coveredTo,
      notes,
      report: async () => ({ ...(await stream.report()), because: why }),
      close: () => stream.close(),
      [Symbol.asyncIterator]: () => stream[Symbol.asyncIterator](),
    };
  }

  newest(): Promise<ClusterTime> {
    return this.source.newest();
  }

  oplogWindow(): Promise<OplogWindow> {
    return this.source.oplogWindow();
  }

  processIds(): Promise<string[]> {
    return this.source.processIds();
  }

  async close(): Promise<void> {
    await this.chosen?.source.close();
  }

  private get source(): Source {
    if (!this.chosen) throw new TypeError("identify() tells what the source is, and comes first");
    return this.chosen.source;
  }
}
