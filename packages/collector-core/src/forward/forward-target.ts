import type { Gap } from "../coverage.js";
import type { ForwardPosition } from "./forward-position.js";
import type { ForwardedEvent } from "./log-follower.js";

/** What is published in one step, with the position after it: events in their order, or a gap. */
export type Publication = { position: ForwardPosition } & ({ kind: "events"; events: ForwardedEvent[] } | { kind: "gap"; gap: Gap });

/** Where a forwarder publishes a log to. What it throws as an `OplogError` is final; after anything else it is closed and opened again. */
export interface ForwardTarget {
  /** For people: without credentials. */
  readonly description: string;
  /**
   * Takes the right to publish this log there, from whoever has it: their unfinished publication is void, and they can't begin another. Resolves with
   * the position of the newest publication; null when there is none. Throws `FENCED` when another one has taken the right from us.
   */
  open(): Promise<ForwardPosition | null>;
  /** Publishes all of it and keeps the position, or nothing. When it throws, which of both is told by opening again. */
  publish(publication: Publication): Promise<void>;
  close(): Promise<void>;
}
