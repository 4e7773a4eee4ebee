import type { Capture } from "../source/choose-capture.js";
import { FINDINGS } from "./findings.js";
import type { Holdings } from "./holdings.js";

/** How a log comes by something: its own events, oplog entries among the events of a change stream, not but for base snapshots, or not at all. */
export type Carried = "exactly" | "by the oplog" | "in base snapshots only" | "not";

/** What a source is captured by, as far as that decides what comes through. */
export type CaptureWay =
  | { capture: "oplog" }
  | {
      capture: "change-stream";
      /** The one database that is captured; null: the whole deployment. */
      database: string | null;
      sharded: boolean;
      /** The server gives its own update diffs and system collections. */
      exact: boolean;
      /** The server sends events beyond 16 MiB in fragments. */
      split: boolean;
      /** What the stream does not show is read from the oplog. */
      oplogReadable: boolean;
    };

/** One kind of thing that the deployment holds, or that may happen to it, and what becomes of its changes. */
export interface CaptureFinding {
  /** Stays the same, for programs. */
  kind: FindingKind;
  what: string;
  /** The first of them, by name. */
  namespaces: string[];
  /** How many in all; null: it may be any. */
  count: number | null;
  carried: Carried;
  /** A restore lacks it, or would. What a log of this source is not for is not missing. */
  missing: boolean;
  /** Null when it is carried as everything is. */
  why: string | null;
  whatToDo: string | null;
}

export type FindingKind =
  | "time-series"
  | "system-js"
  | "converted-collections"
  | "update-diffs"
  | "atomic-apply-ops"
  | "large-events"
  | "users-and-roles"
  | "admin-collections"
  | "config-collections"
  | "not-replicated"
  | "views"
  | "clustered-collections";

/** What this way of capture carries of what this deployment holds. */
export interface CaptureReport {
  /** When it was looked at: ISO-8601. */
  at: string;
  capture: Capture;
  /** Why it is captured so; null: it was asked for, or the log began so. */
  because: string | null;
  /** Everything is carried that a log of this source is for. */
  complete: boolean;
  /** What is not carried comes first. */
  findings: CaptureFinding[];
  /** What of the deployment was not looked at, and why; null: all was. */
  cut: string | null;
}

const ORDER: readonly Carried[] = ["not", "in base snapshots only", "by the oplog", "exactly"];

/** What is missing comes first, what is not carried and not missed last. */
const rank = ({ carried, missing }: CaptureFinding): number => (carried === "not" && !missing ? ORDER.length : ORDER.indexOf(carried));

/** Judges what is carried, of what there is. */
export function reportCapture(way: CaptureWay, holdings: Holdings, at: Date): CaptureReport {
  const findings = FINDINGS.flatMap((find) => find(way, holdings) ?? []).sort((a, b) => rank(a) - rank(b));
  const complete = !findings.some(({ missing }) => missing);
  return { at: at.toISOString(), capture: way.capture, because: null, complete, findings, cut: holdings.cut };
}

/** In words: `time series (shop.metrics, shop.visits and 3 more)`. */
export function namedFinding({ what, namespaces, count }: CaptureFinding): string {
  if (namespaces.length === 0) return what;
  const more = (count ?? 0) - namespaces.length;
  return `${what} (${namespaces.join(", ")}${more > 0 ? ` and ${more} more` : ""})`;
}
