/** The part of time that is shown, in milliseconds since 1970. */
export interface ViewWindow {
  from: number;
  to: number;
}

/** Closer, a moment is a cluster time, and no longer a matter of width. */
const MIN_SPAN_MS = 2_000;

/** Nearer or farther around a moment, which stays where it is on the screen; never beyond the bounds. */
export function zoom({ from, to }: ViewWindow, factor: number, around: number, bounds: ViewWindow): ViewWindow {
  const span = Math.max(MIN_SPAN_MS, (to - from) * factor);
  const left = to === from ? 0.5 : (around - from) / (to - from);
  return within({ from: around - span * left, to: around + span * (1 - left) }, bounds);
}

export const pan = ({ from, to }: ViewWindow, by: number, bounds: ViewWindow): ViewWindow =>
  within({ from: from + by, to: to + by }, bounds);

/** Moves it in, and cuts it where it is longer than all there is. */
export function within({ from, to }: ViewWindow, bounds: ViewWindow): ViewWindow {
  const span = Math.min(to - from, bounds.to - bounds.from);
  const begin = Math.min(Math.max(from, bounds.from), bounds.to - span);
  return { from: begin, to: begin + span };
}

/** Moves a window just far enough that it shows the moment. */
export function revealing(view: ViewWindow, time: number, bounds: ViewWindow): ViewWindow {
  if (time >= view.from && time <= view.to) return view;
  return pan(view, time < view.from ? time - view.from : time - view.to, bounds);
}
