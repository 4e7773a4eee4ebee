import { html, nothing, svg, type TemplateResult } from "lit";
import type { Cluster } from "../api/answers.js";
import { formatDuration, formatUtc, millisecondsOf } from "../format/times.js";

const WIDTH = 1_000;
/** Two pixels where the line is 140 wide: narrower would vanish. */
const MARK = 12;

/** What a cluster's log covers, as one line of text. */
export function coverageWords({ log, coveredTo }: Pick<Cluster, "log" | "coveredTo">): string {
  if (!log?.coveredFrom || !coveredTo) return "Nothing covered yet";
  const span = millisecondsOf(coveredTo) - Date.parse(log.coveredFrom.wallTime);
  const gaps = log.gaps === 0 ? "" : ` · ${log.gaps} ${log.gaps === 1 ? "gap" : "gaps"}`;
  const snapshots = log.snapshots === 0 ? " · no base snapshot" : ` · ${log.snapshots} ${log.snapshots === 1 ? "snapshot" : "snapshots"}`;
  return `${formatDuration(Math.max(0, span))}${gaps}${snapshots}`;
}

/** What is covered as a thin line, with gaps and base snapshots; from the first covered moment to now. */
export function thinTimeline({ log, coveredTo }: Pick<Cluster, "log" | "coveredTo">, now = Date.now()): TemplateResult | typeof nothing {
  const from = log?.coveredFrom ? Date.parse(log.coveredFrom.wallTime) : null;
  if (!log || from === null || !coveredTo) return nothing;
  const end = Math.max(now, from + 1);
  const x = (time: number) => Math.min(WIDTH, Math.max(0, ((time - from) / (end - from)) * WIDTH));
  const last = log.timelines.length - 1;
  const bars = log.timelines.map(({ from, to }, index) => {
    const begin = x(Date.parse(from));
    const until = x(Math.max(Date.parse(to), index === last ? millisecondsOf(coveredTo) : 0));
    return svg`<rect class="covered" x=${begin} y="6" width=${Math.max(MARK / 2, until - begin)} height="6" rx="2"/>`;
  });
  const gaps = log.holes.map(({ from, to }) => {
    const begin = x(Date.parse(from));
    return svg`<rect class="gap" x=${begin} y="3" width=${Math.max(MARK, x(Date.parse(to)) - begin)} height="12"/>`;
  });
  const snapshots = log.restorableFrom.map(
    (time) => svg`<rect class="snapshot" x=${x(Date.parse(time)) - MARK / 2} y="0" width=${MARK} height="5"/>`,
  );
  const label = `Covered since ${formatUtc(from)} UTC: ${coverageWords({ log, coveredTo })}`;
  return html`<svg class="thin-timeline" role="img" aria-label=${label} viewBox="0 0 ${WIDTH} 18" preserveAspectRatio="none">
    <rect class="rail" x="0" y="8.500" width=${WIDTH} height="1" />${bars}${gaps}${snapshots}
  </svg>`;
}
