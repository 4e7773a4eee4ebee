/** Short enough to show a change soon, long enough to be calm: a few seals and reports. */
const WINDOW_MS = 10_000;

interface Sample {
  at: number;
  events: number;
  bytes: number;
}

/** Events and bytes a second over the last seconds, from counters that only grow. */
export class RateMeter {
  private samples: Sample[] = [];

  note(at: number, { events, bytes }: { events: number; bytes: number }): void {
    // One sample older than the window is kept, to measure from.
    while (this.samples.length > 1 && at - this.samples[1]!.at >= WINDOW_MS) this.samples.shift();
    this.samples.push({ at, events, bytes });
  }

  get current(): { eventsPerSecond: number | null; bytesPerSecond: number | null } {
    const [first, last] = [this.samples[0], this.samples.at(-1)];
    if (!first || !last || last.at <= first.at) return { eventsPerSecond: null, bytesPerSecond: null };
    const rate = (of: (sample: Sample) => number) => Math.round(((of(last) - of(first)) * 10_000) / (last.at - first.at)) / 10;
    return { eventsPerSecond: rate(({ events }) => events), bytesPerSecond: rate(({ bytes }) => bytes) };
  }
}
