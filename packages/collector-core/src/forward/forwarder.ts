import { type Clock, systemClock } from "../clock.js";
import { type ClusterTime, dateOf } from "../cluster-time.js";
import { describeError } from "../describe-error.js";
import { isOplogError } from "../errors.js";
import { DEFAULT_RETRY, type RetryOptions } from "../retry.js";
import { isFatalStoreError } from "../source/classify-error.js";
import type { Store } from "../store.js";
import { Troubles } from "../trouble.js";
import { unlessAborted } from "../unless-aborted.js";
import type { ForwardPosition } from "./forward-position.js";
import { type ForwardStatus, initialForwardStatus } from "./forward-status.js";
import type { ForwardTarget, Publication } from "./forward-target.js";
import { LogFollower, type Stretch } from "./log-follower.js";

/** How often a log that has nothing new is looked at: as long as a collector takes, unless told, to seal what it has read. */
const LOOK_INTERVAL_MS = 1_000;

export interface ForwarderOptions {
  store: Store;
  target: ForwardTarget;
  /** Where one that has published nothing yet begins: with the oldest segment stored, or after the newest. @default oldest */
  from?: "oldest" | "now";
  /** When what comes next is no longer in the store: publish a gap that says so and go on, once, instead of stopping. @default false */
  acceptGap?: boolean;
  /** Stop when all that is covered is published. @default false */
  untilCovered?: boolean;
  /** @default no limit, from 250 ms to 15 s */
  retry?: Partial<RetryOptions>;
  clock?: Clock;
}

/**
 * Publishes a log elsewhere, beside its store: the store decides what there is, so nothing is lost while the other side is slow or away, and capture
 * never waits for it. Each event is published once, in order, whatever is killed: the position is kept there, in one step with the events.
 */
export class Forwarder {
  private readonly options: Required<Omit<ForwarderOptions, "retry">>;
  private readonly troubles: Troubles;
  private readonly listeners = new Set<(status: ForwardStatus) => void>();
  private current: ForwardStatus;
  private gapsAllowed: number;
  private opened = false;

  constructor(options: ForwarderOptions) {
    this.options = { from: "oldest", acceptGap: false, untilCovered: false, clock: systemClock, ...options };
    this.gapsAllowed = this.options.acceptGap ? 1 : 0;
    this.current = initialForwardStatus(options.target.description);
    this.troubles = new Troubles({ ...DEFAULT_RETRY, ...options.retry }, this.options.clock, () => this.showState());
  }

  get status(): ForwardStatus {
    return this.current;
  }

  /** Calls the listener at each change of the status; returns the function that ends it. */
  subscribe(listener: (status: ForwardStatus) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Publishes until the signal aborts (resolves) or something happens that trying again can't mend (throws `OplogError`). */
  async run(signal: AbortSignal = new AbortController().signal): Promise<void> {
    const { target } = this.options;
    try {
      while (!signal.aborted && (await this.publishUntilTrouble(signal)) !== "done");
      this.update({ state: "stopped", error: null });
    } catch (error) {
      this.update({ state: "error", error: describeError(error) });
      throw error;
    } finally {
      await target.close();
    }
  }

  /** From the position that the target has, so nothing that went wrong before can lose or double an event. */
  private async publishUntilTrouble(signal: AbortSignal): Promise<"done" | "trouble"> {
    const { target } = this.options;
    this.opened = false;
    this.showState();
    try {
      const position = await unlessAborted(target.open(), signal);
      if (position === undefined) return "done";
      this.opened = true;
      this.troubles.over("broker");
      this.showState();
      await this.publishFrom(position, signal);
      return "done";
    } catch (error) {
      if (isOplogError(error)) throw error;
      await target.close();
      await this.troubles.failed("broker", error, signal);
      return "trouble";
    }
  }

  private async publishFrom(found: ForwardPosition | null, signal: AbortSignal): Promise<void> {
    const { store, untilCovered, clock } = this.options;
    const start = found ?? (await this.begin(signal));
    if (signal.aborted) return;
    if (start) this.update({ position: start });
    let follower = new LogFollower(store, start);
    while (!signal.aborted) {
      const stretch: Stretch | undefined = await this.fromStore(signal, () => follower.next());
      if (!stretch) return;
      if (stretch.kind === "end") {
        this.showCaughtUp(stretch.coveredTo);
        if (untilCovered) return;
        await clock.sleep(LOOK_INTERVAL_MS, signal);
      } else if (stretch.kind === "missing") {
        if (this.gapsAllowed === 0) throw stretch.error;
        await this.publish({ kind: "gap", gap: stretch.gap, position: stretch.position }, signal);
        this.gapsAllowed--;
        follower = new LogFollower(store, stretch.position);
      } else await this.publish(stretch, signal);
    }
  }

  /** Where to begin is kept before anything is published: what comes then is not left out when it takes another start to publish it. */
  private async begin(signal: AbortSignal): Promise<ForwardPosition | null> {
    const { store, from } = this.options;
    if (from === "oldest") return null;
    const newest = await this.fromStore(signal, () => LogFollower.newest(store));
    if (newest) await this.publish({ kind: "events", events: [], position: newest }, signal);
    return newest ?? null;
  }

  /** A read that fails does not count as one: the follower is as it was. */
  private fromStore<T>(signal: AbortSignal, read: () => Promise<T>): Promise<T | undefined> {
    return this.troubles.trying("store", signal, read, isFatalStoreError);
  }

  private async publish(publication: Publication, signal: AbortSignal): Promise<void> {
    const published = this.options.target.publish(publication).then(() => true);
    if (!(await unlessAborted(published, signal))) return;
    const { position } = publication;
    const { current } = this;
    const time = position.clusterTime;
    if (publication.kind === "gap") this.update({ position, gaps: current.gaps + 1, ...this.published(time) });
    else {
      const bytes = publication.events.reduce((sum, event) => sum + event.bytes.length, 0);
      const events = current.events + publication.events.length;
      this.update({ position, events, bytes: current.bytes + bytes, ...this.published(time) });
    }
  }

  private showCaughtUp(coveredTo: ClusterTime): void {
    if (coveredTo > 0n) this.update(this.published(coveredTo));
  }

  private published(publishedTo: ClusterTime): Pick<ForwardStatus, "publishedTo" | "lagMs"> {
    return { publishedTo, lagMs: Math.max(0, this.options.clock.now() - dateOf(publishedTo).getTime()) };
  }

  private showState(): void {
    const error = this.troubles.current;
    this.update({ state: error ? "retrying_connection" : this.opened ? "running" : "starting", error });
  }

  private update(change: Partial<ForwardStatus>): void {
    this.current = { ...this.current, ...change };
    for (const listener of this.listeners) listener(this.current);
  }
}
