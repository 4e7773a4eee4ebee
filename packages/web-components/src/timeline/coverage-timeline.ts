import { html, nothing, type PropertyValues, svg, type TemplateResult } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import type { Cluster, Coverage, UnusualMoment } from "../api/answers.js";
import { ApiError, clusterPath } from "../api/api-client.js";
import { FeedController } from "../api/feed-controller.js";
import { failureNotice } from "../failure-notice.js";
import { formatLocal, formatUtc, localZone, millisecondsOf } from "../format/times.js";
import { icon } from "../icons.js";
import { OplogElement } from "../oplog-element.js";
import { styles } from "../styles.js";
import { WidthController } from "../width-controller.js";
import { coverageTimelineStyles } from "./coverage-timeline-styles.js";
import { MOMENT_WORDS, momentWords } from "./moment-words.js";
import { type Standing, standingOf } from "./standing.js";
import { ticksOf } from "./ticks.js";
import { pan, revealing, type ViewWindow, within, zoom } from "./view-window.js";

const HEIGHT = 92;
/** From top to bottom: marks, base snapshots, what is covered, the axis. */
const MARK_Y = 4;
const BAR_Y = 40;
const BAR_HEIGHT = 24;
const AXIS_Y = 72;

const HOUR = 3_600_000;
const SPANS: [string, number][] = [
  ["10 min", HOUR / 6],
  ["1 h", HOUR],
  ["24 h", 24 * HOUR],
  ["7 d", 168 * HOUR],
];

/** A drag shorter than this is a click. */
const CLICK_PX = 4;

/** A moment on the timeline: to the cluster time where one is meant, else to the millisecond. */
export interface Moment {
  time: number;
  clusterTime?: string;
}

/** As the API takes it. */
export const timeOf = ({ time, clusterTime }: Moment): string => clusterTime ?? new Date(time).toISOString();

/**
 * What a cluster's log covers: timelines, gaps, base snapshots, and where something unusual happened. By pointer and by keyboard: arrows move the
 * cursor (with Shift farther), + and - zoom, Home and End go to the ends, N and P to the next and the previous mark.
 *
 * @element oplog-coverage-timeline
 * @fires oplog-moment-change - The cursor is somewhere else; `detail: {time, clusterTime?}`.
 * @csspart timeline - The drawing.
 * @csspart readout - What is at the cursor.
 */
@customElement("oplog-coverage-timeline")
export class OplogCoverageTimeline extends OplogElement {
  static override styles = [styles, coverageTimelineStyles];

  /** Id or name of the cluster. */
  @property() cluster = "";
  /** Where the cursor is. */
  @property({ attribute: false }) moment: Moment | null = null;
  /** Without the list of unusual moments. */
  @property({ type: Boolean, attribute: "hide-moments" }) hideMoments = false;

  @state() private coverage: Coverage | null = null;
  @state() private moments: readonly UnusualMoment[] = [];
  @state() private failure: ApiError | null = null;
  @state() private view: ViewWindow | null = null;
  /** The end moves with the clock until the user has looked elsewhere. */
  private follows = true;
  private readAt: string | null = null;
  private drag: { x: number; view: ViewWindow; moved: boolean } | null = null;
  @query(".drawing") private drawing!: HTMLElement;

  private readonly live = new FeedController(this, () => this.connection);
  private readonly measured = new WidthController(this, (width) => Math.round(width));

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (this.asksAnew(changed)) {
      this.coverage = this.view = this.readAt = null;
      this.moments = [];
      this.follows = true;
    }
    const { cluster } = this;
    const mark = this.markOf(this.live.feed.find(cluster));
    if (cluster && mark !== this.readAt) {
      this.readAt = mark;
      void this.load();
    }
    if (this.follows && this.coverage && !this.view) this.view = this.bounds;
  }

  override render(): TemplateResult {
    if (this.failure && !this.coverage) return failureNotice(this.failure);
    const { coverage } = this;
    if (!coverage) return html`<div class="drawing loading" aria-busy="true"><span class="muted">Loading coverage …</span></div>`;
    if (coverage.timelines.length === 0) return html`<div class="drawing loading"><span class="muted">Nothing is covered yet.</span></div>`;
    const view = within(this.view ?? this.bounds, this.bounds);
    return html`
      <div class="tools">${this.tools(view)}</div>
      ${this.draw(view, coverage)} ${this.readout(coverage)} ${this.hideMoments ? nothing : this.momentList()}
    `;
  }

  private get bounds(): ViewWindow {
    const first = this.coverage?.timelines[0]?.from.clusterTime;
    const now = Date.now();
    const from = first ? millisecondsOf(first) : now - HOUR;
    const span = Math.max(60_000, now - from);
    return { from: now - span * 1.02, to: now + span * 0.02 };
  }

  private get coveredTo(): string | null {
    return this.live.feed.find(this.cluster)?.coveredTo ?? null;
  }

  /** Read again when the log has been read again, and when something is there or gone that the drawing shows. */
  private markOf(cluster: Cluster | undefined): string {
    const jobs = [...this.live.feed.jobs.values()].filter((job) => job.cluster === cluster?.id && job.state === "done").length;
    return cluster ? [cluster.log?.at, cluster.log?.gaps, cluster.state, jobs].join() : "unknown";
  }

  private async load(): Promise<void> {
    const { cluster } = this;
    try {
      const [coverage, moments] = await Promise.all([
        this.api.ask<Coverage>(clusterPath(cluster, "/coverage")),
        this.api.ask<UnusualMoment[]>(clusterPath(cluster, "/moments")),
      ]);
      if (cluster !== this.cluster) return;
      this.coverage = coverage;
      this.moments = moments;
      this.failure = null;
      if (this.follows) this.view = this.bounds;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (cluster === this.cluster) this.failure = error;
    }
  }

  private tools(view: ViewWindow): TemplateResult {
    const { bounds } = this;
    const all = bounds.to - bounds.from;
    const show = (next: ViewWindow) => () => {
      this.follows = false;
      this.view = next;
    };
    const middle = (view.from + view.to) / 2;
    return html`
      ${SPANS.filter(([, span]) => span < all).map(
        ([words, span]) =>
          html`<button class="plain" @click=${show(within({ from: bounds.to - span, to: bounds.to }, bounds))}>${words}</button>`,
      )}
      <button class="plain" @click=${() => {
        this.follows = true;
        this.view = bounds;
      }}>All</button>
      <span class="gap-tools"></span>
      <button class="plain" aria-label="Zoom out" title="Zoom out (-)" @click=${show(zoom(view, 2, middle, bounds))}>${icon("minus")}</button>
      <button class="plain" aria-label="Zoom in" title="Zoom in (+)" @click=${show(zoom(view, 0.5, middle, bounds))}>${icon("plus")}</button>
    `;
  }

  private draw(view: ViewWindow, coverage: Coverage): TemplateResult {
    const width = Math.max(200, this.measured.width || 600);
    const x = (time: number) => ((time - view.from) / (view.to - view.from)) * width;
    const last = coverage.timelines.length - 1;
    const ends = coverage.timelines.map(({ to }, index) =>
      Math.max(millisecondsOf(to.clusterTime), index === last && this.coveredTo ? millisecondsOf(this.coveredTo) : 0),
    );
    const bar = (from: number, to: number, least: number) => {
      const [begin, end] = [Math.max(-2, x(from)), Math.min(width + 2, x(to))];
      return { x: begin, width: Math.max(least, end - begin) };
    };
    const covered = coverage.timelines.map(({ from }, index) => bar(millisecondsOf(from.clusterTime), ends[index]!, 2));
    const gaps = coverage.gaps.map((gap) => ({ ...bar(millisecondsOf(gap.from.clusterTime), millisecondsOf(gap.to.clusterTime), 6), gap }));
    const { moment } = this;
    const at = moment?.time ?? ends[last]!;
    const words = moment ? `${formatUtc(moment.time)} UTC, ${standingOf(moment.time, coverage, this.coveredTo).words}` : "No moment chosen";
    return html`<div
      class="drawing"
      part="timeline"
      tabindex="0"
      role="slider"
      aria-label="Coverage of ${this.cluster}"
      aria-valuemin=${Math.round(this.bounds.from)}
      aria-valuemax=${Math.round(this.bounds.to)}
      aria-valuenow=${Math.round(at)}
      aria-valuetext=${words}
      @keydown=${this.onKey}
      @pointerdown=${this.onDown}
      @pointermove=${this.onMove}
      @pointerup=${this.onUp}
      @wheel=${this.onWheel}
    >
      <svg width=${width} height=${HEIGHT} viewBox="0 0 ${width} ${HEIGHT}" aria-hidden="true">
        <defs>
          <pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect class="hatch" width="2" height="6" /></pattern>
        </defs>
        ${ticksOf(view.from, view.to, width / 90).map(
          ({ time, label }) =>
            svg`<g class="tick"><line x1=${x(time)} x2=${x(time)} y1=${BAR_Y - 4} y2=${AXIS_Y}/><text x=${x(time)} y=${AXIS_Y + 13}>${label}</text></g>`,
        )}
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
        ${this.moments.map((one) => this.mark(one, x(momentTime(one))))}
        ${moment ? svg`<g class="cursor"><line x1=${x(moment.time)} x2=${x(moment.time)} y1="2" y2=${AXIS_Y}/><path d="M${x(moment.time) - 5} 0h10l-5 7z"/></g>` : nothing}
      </svg>
    </div>`;
  }

  private mark({ kind }: UnusualMoment, at: number): TemplateResult {
    const y = MARK_Y + 10;
    const shape =
      kind === "drop"
        ? `M${at - 4} ${y - 4}l8 8m0-8-8 8`
        : kind === "mass-delete"
          ? `M${at - 5} ${y + 4}h10l-5-9z`
          : `M${at - 5} ${y + 4}l4-9 3 5 3-2`;
    return svg`<path class="mark ${kind}" d=${shape}/>` as unknown as TemplateResult;
  }

  private readout(coverage: Coverage): TemplateResult {
    const { moment } = this;
    if (!moment)
      return html`<div class="readout muted" part="readout">Choose a moment: click, or use the arrow keys. ${legend(coverage, this.moments)}</div>`;
    const standing: Standing = standingOf(moment.time, coverage, this.coveredTo);
    const tone = standing.kind === "restorable" ? "ok" : standing.kind === "no-snapshot" ? "warn" : "danger";
    return html`<div class="readout" part="readout">
      <div class="when">
        <strong>${formatUtc(moment.time, { milliseconds: !moment.clusterTime })} UTC</strong>
        <span class="muted">${formatLocal(moment.time)} ${localZone()}</span>
        ${moment.clusterTime ? html`<span class="muted">cluster time <span class="mono">${moment.clusterTime}</span></span>` : nothing}
      </div>
      <div class="standing ${tone}">${icon(tone === "ok" ? "ok" : tone === "warn" ? "warning" : "error")}<span>${standing.words}</span></div>
    </div>`;
  }

  private momentList(): TemplateResult | typeof nothing {
    const newest = [...this.moments].reverse().slice(0, 6);
    if (newest.length === 0) return nothing;
    return html`<div class="moments">
      <h3>Unusual moments</h3>
      <ul>
        ${newest.map(
          (one) => html`<li>
            <button class="plain" @click=${() => this.choose({ time: momentTime(one), clusterTime: one.before })}>
              ${icon(MOMENT_WORDS[one.kind].icon)}<span>${momentWords(one)}</span><span class="muted">${formatUtc(one.at)} UTC</span>
            </button>
          </li>`,
        )}
      </ul>
    </div>`;
  }

  private choose(moment: Moment): void {
    this.moment = moment;
    if (this.view) this.view = revealing(this.view, moment.time, this.bounds);
    this.emit("oplog-moment-change", moment);
  }

  private timeAt(event: MouseEvent): number {
    const box = this.drawing.getBoundingClientRect();
    const view = this.view ?? this.bounds;
    return view.from + ((event.clientX - box.left) / box.width) * (view.to - view.from);
  }

  private readonly onDown = (event: PointerEvent): void => {
    if (event.button !== 0) return;
    this.drawing.setPointerCapture(event.pointerId);
    this.drag = { x: event.clientX, view: this.view ?? this.bounds, moved: false };
  };

  private readonly onMove = (event: PointerEvent): void => {
    const { drag } = this;
    if (!drag || (!drag.moved && Math.abs(event.clientX - drag.x) < CLICK_PX)) return;
    drag.moved = true;
    this.follows = false;
    const perPixel = (drag.view.to - drag.view.from) / this.drawing.clientWidth;
    this.view = pan(drag.view, (drag.x - event.clientX) * perPixel, this.bounds);
  };

  private readonly onUp = (event: PointerEvent): void => {
    const { drag } = this;
    this.drag = null;
    if (drag && !drag.moved) this.choose({ time: Math.round(this.timeAt(event)) });
  };

  /** Without a key the page scrolls, as everywhere. */
  private readonly onWheel = (event: WheelEvent): void => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    this.follows = false;
    this.view = zoom(this.view ?? this.bounds, event.deltaY > 0 ? 1.25 : 0.8, this.timeAt(event), this.bounds);
  };

  private readonly onKey = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const view = this.view ?? this.bounds;
    const time = this.moment?.time ?? (view.from + view.to) / 2;
    const step = (view.to - view.from) / (event.shiftKey ? 10 : 100);
    const go = (to: number) => this.choose({ time: Math.round(Math.min(Math.max(to, this.bounds.from), this.bounds.to)) });
    const look = (next: ViewWindow) => {
      this.follows = false;
      this.view = next;
    };
    const keys = new Map<string, () => void>([
      ["ArrowLeft", () => go(time - step)],
      ["ArrowRight", () => go(time + step)],
      ["Home", () => go(millisecondsOf(this.coverage!.timelines[0]!.from.clusterTime))],
      ["End", () => go(millisecondsOf(this.coveredTo ?? this.coverage!.timelines.at(-1)!.to.clusterTime))],
      ["PageUp", () => look(pan(view, view.from - view.to, this.bounds))],
      ["PageDown", () => look(pan(view, view.to - view.from, this.bounds))],
      ["+", () => look(zoom(view, 0.5, time, this.bounds))],
      ["=", () => look(zoom(view, 0.5, time, this.bounds))],
      ["-", () => look(zoom(view, 2, time, this.bounds))],
      ["n", () => this.toMark(this.moments.find((one) => momentTime(one) > time))],
      ["p", () => this.toMark([...this.moments].reverse().find((one) => momentTime(one) < time))],
    ]);
    const act = keys.get(event.key);
    if (!act) return;
    event.preventDefault();
    act();
  };

  private toMark(moment: UnusualMoment | undefined): void {
    if (moment) this.choose({ time: momentTime(moment), clusterTime: moment.before });
  }
}

/** Where its mark is: at the moment before it. */
const momentTime = ({ before }: UnusualMoment): number => millisecondsOf(before);

const legend = ({ gaps, snapshots }: Coverage, moments: readonly UnusualMoment[]): TemplateResult => html`<span class="legend">
  <span><svg width="14" height="10" aria-hidden="true"><rect class="covered" width="14" height="10" rx="2" /></svg>covered</span>
  ${snapshots.length > 0 ? html`<span><svg width="12" height="12" aria-hidden="true"><path class="snapshot" d="M1 0h10v7l-5 5-5-5z" /></svg>base snapshot</span>` : nothing}
  ${gaps.length > 0 ? html`<span><svg width="14" height="10" aria-hidden="true"><rect class="gap" x=".5" y=".5" width="13" height="9" /></svg>gap</span>` : nothing}
  ${[...new Set(moments.map(({ kind }) => kind))].map((kind) => html`<span>${icon(MOMENT_WORDS[kind].icon)}${MOMENT_WORDS[kind].words}</span>`)}
</span>`;

declare global {
  interface HTMLElementTagNameMap {
    "oplog-coverage-timeline": OplogCoverageTimeline;
  }
}
