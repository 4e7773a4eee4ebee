import uPlot from "uplot";

/** One line of a chart. */
export interface PlotLine {
  label: string;
  values: readonly (number | null)[];
  /** A dash pattern: lines are told apart by more than their colour. */
  dash?: number[];
  /** Name of the custom property that it is coloured by. */
  color: string;
}

export interface PlotData {
  /** Milliseconds since 1970. */
  times: readonly number[];
  lines: readonly PlotLine[];
  format: (value: number) => string;
  /** The top of the chart is at least there: smaller values are all small. */
  least: number;
}

/** A line that has just begun gets an axis that is worth reading. */
const LEAST_SECONDS = 60;

const HEIGHT = 180;

/** A time chart in an element's shadow root: colours are those of the element, and follow it between light and dark. */
export class Plot {
  private plot: uPlot | null = null;
  private shape = "";
  private readonly resized: ResizeObserver;
  private readonly dark = matchMedia("(prefers-color-scheme: dark)");
  private latest: PlotData | null = null;

  constructor(
    private readonly place: HTMLElement,
    /** Told which sample the pointer is at; null: at none. */
    private readonly onPoint: (index: number | null) => void,
  ) {
    this.resized = new ResizeObserver(() => this.plot?.setSize({ width: place.clientWidth, height: HEIGHT }));
    this.resized.observe(place);
    this.dark.addEventListener("change", this.redraw);
  }

  show(data: PlotData): void {
    this.latest = data;
    const shape = JSON.stringify([data.lines.map(({ label, color }) => [label, color]), this.colorOf("--text")]);
    const rows = [data.times.map((time) => time / 1000), ...data.lines.map(({ values }) => values)] as uPlot.AlignedData;
    if (this.plot && shape === this.shape) {
      this.plot.setData(rows);
      return;
    }
    this.shape = shape;
    this.plot?.destroy();
    this.plot = new uPlot(this.options(data), rows, this.place);
  }

  destroy(): void {
    this.resized.disconnect();
    this.dark.removeEventListener("change", this.redraw);
    this.plot?.destroy();
    this.plot = null;
  }

  private readonly redraw = (): void => {
    if (this.latest) this.show(this.latest);
  };

  private options({ lines, format, least }: PlotData): uPlot.Options {
    const muted = this.colorOf("--muted");
    const grid = { stroke: this.colorOf("--border"), width: 1 };
    const font = `11px ${getComputedStyle(this.place).fontFamily}`;
    return {
      width: this.place.clientWidth || 300,
      height: HEIGHT,
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 6 } },
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
      scales: {
        x: { range: (_, min, max) => [Math.min(min, max - LEAST_SECONDS), max] },
        y: { range: (_, __, max) => [0, Math.max(least, max * 1.1)] },
      },
      axes: [
        {
          stroke: muted,
          grid,
          ticks: grid,
          font,
          size: 28,
          // Without the seconds where the marks are whole minutes.
          values: (_, seconds, __, ___, step) => seconds.map((one) => new Date(one * 1000).toISOString().slice(11, step < 60 ? 19 : 16)),
        },
        { stroke: muted, grid, ticks: { show: false }, font, size: 52, values: (_, values) => values.map(format) },
      ],
      series: [
        {},
        ...lines.map(({ label, dash, color }) => ({ label, stroke: this.colorOf(color), width: 1.5, dash, points: { show: false } })),
      ],
      hooks: { setCursor: [({ cursor }) => this.onPoint(cursor.idx ?? null)] },
    };
  }

  /** A canvas takes no custom property: the browser says what colour it is. */
  private colorOf(property: string): string {
    this.place.style.color = `var(${property})`;
    const color = getComputedStyle(this.place).color;
    this.place.style.removeProperty("color");
    return color;
  }
}
