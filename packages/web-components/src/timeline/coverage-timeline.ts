import { html, nothing, type PropertyValues, type TemplateResult } from "lit";
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
import { drawTimeline, endsOf, legend, momentTime } from "./timeline-drawing.js";
import { moveOf } from "./timeline-keys.js";
import { pan, revealing, type ViewWindow, within, zoom } from "./view-window.js";

/** Until it has been measured. */
const LEAST_WIDTH = 200;

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
      ${this.slider(view, coverage)} ${this.readout(coverage)} ${this.hideMoments ? nothing : this.momentList()}
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

  private slider(view: ViewWindow, coverage: Coverage): TemplateResult {
    const { moment, coveredTo, moments } = this;
    const words = moment ? `${formatUtc(moment.time)} UTC, ${standingOf(moment.time, coverage, coveredTo).words}` : "No moment chosen";
    return html`<div
      class="drawing"
      part="timeline"
      tabindex="0"
      role="slider"
      aria-label="Coverage of ${this.cluster}"
      aria-valuemin=${Math.round(this.bounds.from)}
      aria-valuemax=${Math.round(this.bounds.to)}
      aria-valuenow=${Math.round(moment?.time ?? endsOf(coverage, coveredTo).at(-1)!)}
      aria-valuetext=${words}
      @keydown=${this.onKey}
      @pointerdown=${this.onDown}
      @pointermove=${this.onMove}
      @pointerup=${this.onUp}
      @wheel=${this.onWheel}
    >
      ${drawTimeline({ view, coverage, coveredTo, moments, cursor: moment?.time ?? null, width: Math.max(LEAST_WIDTH, this.measured.width) })}
    </div>`;
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
            <button class="plain" @click=${() => this.toMark(one)}>
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
    const move = moveOf(event.key, event.shiftKey, {
      view: this.view ?? this.bounds,
      bounds: this.bounds,
      cursor: this.moment?.time ?? null,
      first: millisecondsOf(this.coverage!.timelines[0]!.from.clusterTime),
      last: millisecondsOf(this.coveredTo ?? this.coverage!.timelines.at(-1)!.to.clusterTime),
      marks: this.moments.map(momentTime),
    });
    if (!move) return;
    event.preventDefault();
    if (move.kind === "cursor") this.choose({ time: move.time });
    else if (move.kind === "mark") this.toMark(this.moments[move.index]!);
    else {
      this.follows = false;
      this.view = move.view;
    }
  };

  private toMark(moment: UnusualMoment): void {
    this.choose({ time: momentTime(moment), clusterTime: moment.before });
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "oplog-coverage-timeline": OplogCoverageTimeline;
  }
}
