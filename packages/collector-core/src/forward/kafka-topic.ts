import { createHash } from "node:crypto";
import { OplogError } from "../errors.js";

/** One topic a log. */
export const DEFAULT_TOPIC = "oplog.{log}";

/** Kafka's own limit: names become folders. */
const MAX_TOPIC_LENGTH = 249;

const LEGAL = /^[A-Za-z0-9._-]+$/;

const PLACEHOLDER = /\{(log|ns)\}/g;

/** Names are checked once they are known; what stands around them, at once. */
export function checkTopicTemplate(template: string): string {
  const rest = template.replace(PLACEHOLDER, "");
  if (!template || (rest && !LEGAL.test(rest)) || /^\.{1,2}$/.test(template) || rest.length > MAX_TOPIC_LENGTH / 2)
    throw new OplogError("BAD_INPUT", `${JSON.stringify(template.slice(0, 100))} can't be the name of a topic`, {
      hint: 'Use letters, digits, ".", "_" and "-", and {log} and {ns} for the names of the log and of the namespace.',
    });
  return template;
}

export const isTopicPerNamespace = (template: string): boolean => template.includes("{ns}");

/**
 * The topic of a namespace's events. Two namespaces never share one by accident, whatever is in their names: letters, digits and "." stay, "_" becomes
 * "--", any other byte "-" and two hex digits. ("_" can't stay: Kafka takes it for the same as "." where it names metrics, and refuses the second topic.)
 */
export function topicOf(template: string, log: string, namespace: string): string {
  const ns = Buffer.from(namespace)
    .toString("latin1")
    .replace(/[^A-Za-z0-9.]/g, (byte) => (byte === "_" ? "--" : `-${byte.charCodeAt(0).toString(16).padStart(2, "0")}`));
  return shortened(template.replaceAll("{log}", log).replaceAll("{ns}", ns));
}

/** Whether a topic can hold events of this log: what a gap has to be told to. */
export function isTopicOf(template: string, log: string, topic: string): boolean {
  const [before = "", ...after] = template.replaceAll("{log}", log).split("{ns}");
  if (after.length === 0) return topic === shortened(before);
  return topic.startsWith(before) && topic.length > before.length && (topic.endsWith(after.at(-1)!) || topic.length === MAX_TOPIC_LENGTH);
}

const HASH_LENGTH = 32;

/** "-h" can't come out of any name: h is no hex digit. */
function shortened(topic: string): string {
  if (topic.length <= MAX_TOPIC_LENGTH) return topic;
  const hash = createHash("sha256").update(topic).digest("hex").slice(0, HASH_LENGTH);
  return `${topic.slice(0, MAX_TOPIC_LENGTH - HASH_LENGTH - 2)}-h${hash}`;
}
