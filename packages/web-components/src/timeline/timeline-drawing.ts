import { html, nothing, svg, type TemplateResult } from "lit";
import type { Coverage, UnusualMoment } from "../api/answers.js";
import { formatUtc, millisecondsOf } from "../format/times.js";
import { icon } from "../icons.js";
import { MOMENT_WORDS } from "./moment-words.js";
import { ticksOf } from "./ticks.js";
import type { ViewWindow } from "./view-window.js";

const HEIGHT = 92;
/** From top to bottom: marks, base snapshots, what is covered, the axis. */
const MARK_Y = 4;
const BAR_Y = 40;
const BAR_HEIGHT = 24;
const AXIS_Y = 72;
/** A label of the axis with room around it. */
const TICK_PX = 90;
/** Narrower than these nothing would be seen. */
const LEAST_COVERED_PX = 2;
const LEAST_GAP_PX = 6;

export interface Drawing {
  view: ViewWindow;
  coverage: Coverage;
  /** Newer than the coverage that was read. */
  coveredTo: string | null;
  moments: readonly UnusualMoment[];
  /** Where the cursor is, in milliseconds since 1970. */
  cursor: number | null;
  width: number;
}

/** Where each timeline ends, in milliseconds since 1970: the last one goes on. */
export const endsOf = ({ timelines }: Coverage, coveredTo: string | null): number[] =>
  timelines.map(({ to }, index) =>
    Math.max(millisecondsOf(to.clusterTime), index === timelines.length - 1 && coveredTo ? millisecondsOf(coveredTo) : 0),
  );

/** Where its mark is: at the moment before it. */
export const momentTime = ({ before }: UnusualMoment): number => millisecondsOf(before);

export function drawTimeline({ view, coverage, coveredTo, moments, cursor, width }: Drawing): TemplateResult {
  const x = (time: number) => ((time - view.from) / (view.to - view.from)) * width;
  const ends = endsOf(coverage, coveredTo);
  const bar = (from: number, to: number, least: number) => {
    const [begin, end] = [Math.max(-2, x(from)), Math.min(width + 2, x(to))];
    return { x: begin, width: Math.max(least, end - begin) };
  };
  const covered = coverage.timelines.map(({ from }, index) => bar(millisecondsOf(from.clusterTime), ends[index]!, LEAST_COVERED_PX));
  const gaps = coverage.gaps.map((gap) => ({
    ...bar(millisecondsOf(gap.from.clusterTime), millisecondsOf(gap.to.clusterTime), LEAST_GAP_PX),
    gap,
  }));
  return html`<svg width=${width} height=${HEIGHT} viewBox="0 0 ${width} ${HEIGHT}" aria-hidden="true">
    <defs>
      <pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect class="hatch" width="2" height="6" /></pattern>
    </defs>
    ${ticksOf(view.from, view.to, width / TICK_PX).map(({ time, label }) => tick(x(time), label, width))}
    <line class="rail" x1="0" x2=${width} y1=${BAR_Y + BAR_HEIGHT / 2} y2=${BAR_Y + BAR_HEIGHT / 2} />
    ${covered.map((one) => svg`<rect class="covered" x=${one.x} y=${BAR_Y} width=${one.width} height=${BAR_HEIGHT} rx="2"/>`)}
    ${gaps.map(
      (one) => svg`<g class="gap"><title>Gap: ${one.gap.cause}</title>
        <rect class="ground" x=${one.x} y=${BAR_Y - 3} width=${one.width} height=${BAR_HEIGHT + 6}/><rect fill="url(#hatch)" x=${one.x} y=${BAR_Y - 3} width=${one.width} height=${BAR_HEIGHT + 6}/></g>`,
    )}
    ${coverage.snapshots.map(({ restorableFrom }) => {
      const at = x(millisecondsOf(restorableFrom));
      return svg`<g class="snapshot"><title>Base snapshot, ${formatUtc(millisecondsOf(restorableFrom))} UTC</title><path d="M${at - 5} ${BAR_Y - 12}h10v7l-5 5-5-5z"/></g>`;
    })}
    ${moments.map((one) => svg`<path class="mark ${one.kind}" d=${markPath(one.kind, x(momentTime(one)))}/>`)}
    ${cursor === null ? nothing : svg`<g class="cursor"><line x1=${x(cursor)} x2=${x(cursor)} y1="2" y2=${AXIS_Y}/><path d="M${x(cursor) - 5} 0h10l-5 7z"/></g>`}
  </svg>`;
}

/** At the very ends a label would be cut off. */
const LABEL_ROOM_PX = 30;

const tick = (at: number, label: string, width: number) => svg`<g class="tick">
  <line x1=${at} x2=${at} y1=${BAR_Y - 4} y2=${AXIS_Y}/>
  ${at < LABEL_ROOM_PX || at > width - LABEL_ROOM_PX ? nothing : svg`<text x=${at} y=${AXIS_Y + 13}>${label}</text>`}
</g>`;

function markPath(kind: UnusualMoment["kind"], at: number): string {
  const y = MARK_Y + 10;
  if (kind === "drop") return `M${at - 4} ${y - 4}l8 8m0-8-8 8`;
  return kind === "mass-delete" ? `M${at - 5} ${y + 4}h10l-5-9z` : `M${at - 5} ${y + 4}l4-9 3 5 3-2`;
}

/** What the shapes of the drawing are, of those that are in it. */
export const legend = ({ gaps, snapshots }: Coverage, moments: readonly UnusualMoment[]): TemplateResult => html`<span class="legend">
  <span><svg width="14" height="10" aria-hidden="true"><rect class="covered" width="14" height="10" rx="2" /></svg>covered</span>
  ${snapshots.length > 0 ? html`<span><svg width="12" height="12" aria-hidden="true"><path class="snapshot" d="M1 0h10v7l-5 5-5-5z" /></svg>base snapshot</span>` : nothing}
  ${gaps.length > 0 ? html`<span><svg width="14" height="10" aria-hidden="true"><rect class="gap" x=".5" y=".5" width="13" height="9" /></svg>gap</span>` : nothing}
  ${[...new Set(moments.map(({ kind }) => kind))].map((kind) => html`<span>${icon(MOMENT_WORDS[kind].icon)}${MOMENT_WORDS[kind].words}</span>`)}
</span>`;
