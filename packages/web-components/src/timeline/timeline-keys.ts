import { pan, type ViewWindow, zoom } from "./view-window.js";

/** What a key does: the cursor goes somewhere, or to a mark, or another part of time is shown. */
export type TimelineMove = { kind: "cursor"; time: number } | { kind: "mark"; index: number } | { kind: "view"; view: ViewWindow };

export interface KeyContext {
  view: ViewWindow;
  bounds: ViewWindow;
  /** Null: no moment is chosen yet. */
  cursor: number | null;
  /** The ends of what is covered. */
  first: number;
  last: number;
  /** Of the unusual moments, in order. */
  marks: readonly number[];
}

/** Null: the key does nothing here. */
export function moveOf(key: string, far: boolean, { view, bounds, cursor, first, last, marks }: KeyContext): TimelineMove | null {
  const time = cursor ?? (view.from + view.to) / 2;
  const span = view.to - view.from;
  const step = span / (far ? 10 : 100);
  const cursorTo = (to: number): TimelineMove => ({ kind: "cursor", time: Math.round(Math.min(Math.max(to, bounds.from), bounds.to)) });
  const look = (to: ViewWindow): TimelineMove => ({ kind: "view", view: to });
  const mark = (index: number): TimelineMove | null => (index < 0 ? null : { kind: "mark", index });
  switch (key) {
    case "ArrowLeft":
      return cursorTo(time - step);
    case "ArrowRight":
      return cursorTo(time + step);
    case "Home":
      return cursorTo(first);
    case "End":
      return cursorTo(last);
    case "PageUp":
      return look(pan(view, -span, bounds));
    case "PageDown":
      return look(pan(view, span, bounds));
    case "+":
    case "=":
      return look(zoom(view, 0.5, time, bounds));
    case "-":
      return look(zoom(view, 2, time, bounds));
    case "n":
      return mark(marks.findIndex((one) => one > time));
    case "p":
      return mark(marks.findLastIndex((one) => one < time));
    default:
      return null;
  }
}
