/** Something that will happen. */
export interface Timer {
  at: number;
  order: number;
  act: (() => void) | null;
}

/**
 * Time that moves only when nothing else can: each step lets every promise that can go on go on, then jumps to the next timer. No real waiting, no
 * chance of the machine's in the order of things.
 */
export class VirtualTime {
  /** Milliseconds since the epoch. */
  now: number;
  private order = 0;
  /** A binary heap, the earliest first. */
  private readonly heap: Timer[] = [];

  constructor(start: number) {
    this.now = start;
  }

  after(ms: number, act: () => void): Timer {
    return this.at(this.now + Math.max(0, ms), act);
  }

  at(at: number, act: () => void): Timer {
    const timer: Timer = { at: Math.max(at, this.now), order: this.order++, act };
    const { heap } = this;
    let child = heap.push(timer) - 1;
    while (child > 0) {
      const parent = (child - 1) >> 1;
      if (isBefore(heap[parent]!, timer)) break;
      heap[child] = heap[parent]!;
      child = parent;
    }
    heap[child] = timer;
    return timer;
  }

  cancel(timer: Timer): void {
    timer.act = null;
  }

  /** Goes on until `isDone`, asked before every step. Throws what a timer's act throws, and when nothing is left to happen. */
  run(isDone: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const step = () => {
        try {
          if (isDone()) return resolve();
          this.step();
        } catch (error) {
          return reject(error);
        }
        // From a microtask a tick comes after all other microtasks, those that they lead to included; and costs a third of `setImmediate`.
        queueMicrotask(() => process.nextTick(step));
      };
      step();
    });
  }

  private step(): void {
    let timer = this.pop();
    while (timer && !timer.act) timer = this.pop();
    if (!timer) throw new Error("Nothing is left to happen, and the run is not done");
    this.now = timer.at;
    timer.act!();
  }

  private pop(): Timer | undefined {
    const { heap } = this;
    const first = heap[0];
    const last = heap.pop();
    if (!first || !last || first === last) return first;
    let parent = 0;
    for (;;) {
      let child = parent * 2 + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (isBefore(last, heap[child]!)) break;
      heap[parent] = heap[child]!;
      parent = child;
    }
    heap[parent] = last;
    return first;
  }
}

const isBefore = (a: Timer, b: Timer): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);
