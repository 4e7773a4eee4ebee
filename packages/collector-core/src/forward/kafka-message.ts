import { BSON, Timestamp } from "mongodb";
import { canonicalJson, canonicalValueJson } from "../canonical-json.js";
import { formatClusterTime } from "../cluster-time.js";
import type { Gap } from "../coverage.js";
import { changesOf } from "../event-filter.js";
import type { ForwardFormat } from "./kafka-uri.js";
import type { ForwardedEvent } from "./log-follower.js";

/** A message, and where it belongs. */
export interface ForwardedMessage {
  /** The namespaces that it concerns; empty: all. */
  namespaces: string[];
  /** To the partition of its key, or to each: what concerns many documents must be in order with every one of them. */
  to: "partition-of-key" | "every-partition";
  key: Buffer;
  value: Buffer;
  headers: Record<string, string>;
}

/** These concern one document. */
const DOCUMENT_OPERATIONS = new Set(["insert", "update", "replace", "delete"]);

export function eventMessage(event: ForwardedEvent, format: ForwardFormat): ForwardedMessage {
  const { kind, bytes, clusterTime, segment, index } = event;
  const headers = {
    position: `${segment}:${index}`,
    clusterTime: formatClusterTime(clusterTime),
    op: kind.operation,
    ns: kind.namespace,
    format: event.format,
  };
  const value = format === "bson" ? bytes : Buffer.from(canonicalJson(bytes));
  if (DOCUMENT_OPERATIONS.has(kind.operation)) {
    const [{ id } = { id: undefined }] = changesOf(event);
    return { namespaces: [kind.namespace], to: "partition-of-key", key: documentKey(kind.namespace, id), value, headers };
  }
  return { namespaces: namespacesOf(event), to: "every-partition", key: namespaceKey(kind.namespace), value, headers };
}

/** Tells whoever reads the topic that events are missing, and which. */
export function gapMessage(gap: Gap, position: { segment: number }, format: ForwardFormat): ForwardedMessage {
  const document = {
    operationType: "gap",
    from: new Timestamp(gap.from.clusterTime),
    to: new Timestamp(gap.to.clusterTime),
    cause: gap.cause,
    detectedAt: gap.detectedAt,
  };
  const bytes = Buffer.from(BSON.serialize(document));
  const headers = {
    position: `${position.segment}:0`,
    clusterTime: formatClusterTime(gap.to.clusterTime),
    op: "gap",
    ns: "",
    format: "gap",
  };
  const value = format === "bson" ? bytes : Buffer.from(canonicalJson(bytes));
  return { namespaces: [], to: "every-partition", key: namespaceKey(""), value, headers };
}

/** Equal for all events of one document, and for no other's. */
function documentKey(namespace: string, id: { type: number; bytes: Buffer } | undefined): Buffer {
  if (!id) return namespaceKey(namespace);
  return Buffer.from(`{"ns":${JSON.stringify(namespace)},"_id":${canonicalValueJson(id)}}`);
}

const namespaceKey = (namespace: string): Buffer => Buffer.from(`{"ns":${JSON.stringify(namespace)}}`);

/** A transaction in one entry says under its own name only where commands go. */
function namespacesOf(event: ForwardedEvent): string[] {
  const all = [...new Set([...changesOf(event)].map(({ namespace }) => namespace))];
  return all.length > 1 && event.kind.operation === "applyOps" ? all.filter((namespace) => namespace !== event.kind.namespace) : all;
}
