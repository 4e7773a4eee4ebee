import type { Clock } from "../clock.js";
import type { Random } from "./random.js";
import type { VirtualTime } from "./virtual-time.js";

/** Where in a call a process is killed. */
export type KillPoint = "before it is sent" | "done and not answered";

/**
 * A process that runs a collector. Killed, nothing that it waits for ever comes, so nothing of it acts any more; frozen, all of that comes when
 * it is let go, and it acts as if no time had passed.
 */
export class SimulatedProcess {
  alive = true;
  /** Its sleeps that go on: none may, once its collector has ended. */
  sleeping = 0;
  openStreams = 0;
  wasFrozen = false;
  gapsAllowed = 0;
  /** Its store does not answer it until then. */
  partitionedUntil = 0;
  private frozenUntil = 0;
  private killAt: { callsLeft: number; point: KillPoint; until: number } | null = null;
  readonly clock: Clock;

  constructor(
    readonly pid: number,
    readonly host: string,
    private readonly time: VirtualTime,
    private readonly random: Random,
    clockSkewMs: number,
    private readonly onKilled: (how: string) => void,
  ) {
    this.clock = {
      now: () => time.now + clockSkewMs,
      random: () => random.next(),
      sleep: (ms, signal) => this.sleep(ms, signal),
    };
  }

  kill(how = "killed"): void {
    if (!this.alive) return;
    this.alive = false;
    this.onKilled(how);
  }

  /** Unless it has not come to that call by `until`. */
  killAtCall(callsLeft: number, point: KillPoint, until: number): void {
    this.killAt = { callsLeft, point, until };
  }

  freezeUntil(at: number): void {
    this.wasFrozen = true;
    this.frozenUntil = Math.max(this.frozenUntil, at);
  }

  get isFrozen(): boolean {
    return this.time.now < this.frozenUntil;
  }

  /** When this process is to die in the call it makes now. */
  nextCall(): KillPoint | null {
    if (!this.killAt || this.time.now >= this.killAt.until || --this.killAt.callsLeft > 0) return null;
    const { point } = this.killAt;
    this.killAt = null;
    return point;
  }

  /** Lets the process go on with something after that time, if it then lives. */
  after(ms: number, act: () => void): void {
    this.time.after(ms, () => this.resume(act));
  }

  private resume(act: () => void): void {
    if (!this.alive) return;
    if (this.time.now < this.frozenUntil) this.time.at(this.frozenUntil, () => this.resume(act));
    else act();
  }

  private sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.resolve();
    this.sleeping++;
    return new Promise((resolve) => {
      let over = false;
      const wake = () => {
        if (over) return;
        over = true;
        this.sleeping--;
        signal?.removeEventListener("abort", wake);
        resolve();
      };
      // No timer is exact.
      this.after(ms + this.random.next() * 2, wake);
      signal?.addEventListener("abort", wake, { once: true });
    });
  }
}
