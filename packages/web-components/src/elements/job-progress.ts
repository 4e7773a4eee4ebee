import { html, nothing, type TemplateResult } from "lit";
import type { Job } from "../api/answers.js";
import { formatBytes, formatNumber } from "../format/amounts.js";

/** Pairs of what is done and what there is; the first that a progress has is its bar. */
const PAIRS = [
  ["bytes", "bytesInAll", "", formatBytes],
  ["events", "eventsInAll", "events", formatNumber],
  ["segments", "segmentsInAll", "segments", formatNumber],
  ["collections", "collectionsInAll", "collections", formatNumber],
] as const;

const KINDS: Record<Job["kind"], string> = { snapshot: "Base snapshot", verify: "Verification", restore: "Restore" };
const STATES: Record<Job["state"], string> = { running: "running", done: "done", failed: "failed", cancelled: "cancelled" };

export const jobWords = ({ kind, state }: Pick<Job, "kind" | "state">): string => `${KINDS[kind]} ${STATES[state]}`;

export const kindWords = (kind: Job["kind"]): string => KINDS[kind];

/** How far a job is: a bar where its end is known, else what it has done so far. */
export function jobProgress({ kind, progress }: Pick<Job, "kind" | "progress">): TemplateResult {
  const numbers = progress as Record<string, unknown>;
  const pair = PAIRS.find(
    ([done, all]) => typeof numbers[done] === "number" && typeof numbers[all] === "number" && (numbers[all] as number) > 0,
  );
  const phase = String(numbers.phase ?? (kind === "verify" ? "verifying" : "starting"));
  const reason = typeof numbers.reason === "string" ? numbers.reason : "";
  if (!pair) {
    const segments = typeof numbers.segments === "number" ? `, ${formatNumber(numbers.segments)} segments` : "";
    return html`<div class="job-progress"><progress aria-label=${phase}></progress><span>${phase}${segments}${reason ? `: ${reason}` : nothing}</span></div>`;
  }
  const [done, all, unit, format] = pair;
  const [value, max] = [numbers[done] as number, numbers[all] as number];
  return html`<div class="job-progress">
    <progress max=${max} .value=${Math.min(value, max)} aria-label=${phase}></progress>
    <span>${phase}: ${format(value)} of ${format(max)} ${unit}</span>
  </div>`;
}
