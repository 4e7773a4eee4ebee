import type { UnusualMoment } from "../api/answers.js";
import { formatNumber } from "../format/amounts.js";
import type { IconName } from "../icons.js";

export const MOMENT_WORDS: Record<UnusualMoment["kind"], { words: string; icon: IconName }> = {
  drop: { words: "drop", icon: "close" },
  "mass-delete": { words: "mass delete", icon: "mass" },
  spike: { words: "spike", icon: "spike" },
};

export function momentWords({ kind, namespace, operation, events }: UnusualMoment): string {
  if (kind === "drop") return operation === "dropDatabase" ? `Database ${namespace} dropped` : `${namespace} dropped`;
  if (kind === "mass-delete") return `${formatNumber(events)} documents deleted in ${namespace}`;
  return `${formatNumber(events)} events in ten seconds`;
}
