import type { ReactiveController, ReactiveControllerHost } from "lit";
import { html, nothing, type TemplateResult } from "lit";
import { createRef, ref } from "lit/directives/ref.js";
import { formatUtc } from "../format/times.js";
import type { Plot, PlotLine } from "./plot.js";

/** Told apart by dashes too; six are as many as an eye can follow. */
const DASHES = [[], [6, 3], [2, 3], [10, 3, 2, 3], [4, 2], [1, 2]] as const;
export const MAX_LINES = DASHES.length;

export interface ChartData {
  times: readonly number[];
  lines: readonly { label: string; values: readonly (number | null)[] }[];
  format: (value: number) => string;
  /** The top of the chart is at least there. */
  least: number;
}

/** Draws a chart in its host, with what its lines are and what they are at the pointer, or at the end. */
export class TimeChart implements ReactiveController {
  private readonly place = createRef<HTMLElement>();
  private plot: Plot | null = null;
  private drawnIn: HTMLElement | null = null;
  private data: ChartData | null = null;
  private point: number | null = null;

  constructor(private readonly host: ReactiveControllerHost) {
    host.addController(this);
  }

  hostUpdated(): void {
    const place = this.place.value;
    if (!place || !this.data) return;
    if (!this.plot || this.drawnIn !== place) {
      void this.open(place);
      return;
    }
    const lines: PlotLine[] = this.data.lines.map((line, index) => ({ ...line, color: `--line-${index}`, dash: [...DASHES[index]!] }));
    this.plot.show({ ...this.data, lines });
  }

  hostDisconnected(): void {
    this.plot?.destroy();
    this.plot = this.drawnIn = null;
  }

  /** The chart library is loaded with the first chart: a list of clusters does without. */
  private async open(place: HTMLElement): Promise<void> {
    if (this.drawnIn === place) return;
    this.drawnIn = place;
    const { Plot } = await import("./plot.js");
    if (this.drawnIn !== place) return;
    this.plot?.destroy();
    this.plot = new Plot(place, (index) => {
      if (index === this.point) return;
      this.point = index;
      this.host.requestUpdate();
    });
    this.host.requestUpdate();
  }

  /** `label` says what the chart shows, to those who do not see it. */
  render(data: ChartData, label: string): TemplateResult {
    this.data = data;
    const at = this.point ?? data.times.length - 1;
    const time = data.times[at];
    return html`<figure>
      <div class="plot" role="img" aria-label=${label} ${ref(this.place)}></div>
      <figcaption>
        <ul class="lines small">
          ${data.lines.map(
            ({ label: name, values }, index) => html`<li>
              <svg viewBox="0 0 20 8" aria-hidden="true"><path class="l${index}" d="M0 4h20" stroke-dasharray=${DASHES[index]!.join(" ") || nothing} /></svg>
              <span>${name}</span><strong>${values[at] === null || values[at] === undefined ? "–" : data.format(values[at])}</strong>
            </li>`,
          )}
          ${time === undefined ? nothing : html`<li class="muted">${this.point === null ? "newest, " : ""}${formatUtc(time).slice(11)} UTC</li>`}
        </ul>
      </figcaption>
    </figure>`;
  }
}
