import type { Clock } from "./clock.js";
import { describeError } from "./describe-error.js";
import { OplogError } from "./errors.js";
import { refusal } from "./refusal.js";
import { backoffMs, type RetryOptions } from "./retry.js";
import type { StatusError } from "./status.js";
import { unlessAborted } from "./unless-aborted.js";

/** The two things that can be away. */
export type Side = "source" | "store";

/**
 * What is tried again by itself. A store that has no room for segments may still take checkpoints, so their tries are counted apart. The broker is
 * that of a forwarder.
 */
export type Trial = Side | "checkpoint" | "broker";

const sideOf = <T extends Trial>(trial: T) => (trial === "checkpoint" ? "store" : trial) as Exclude<T, "checkpoint"> | "store";

/** Counts tries in a row for each trial, waits between them, and says what is wrong at the moment. */
export class Troubles {
  private readonly open = new Map<Trial, StatusError>();

  constructor(
    private readonly retry: RetryOptions,
    private readonly clock: Clock,
    /** Told of each try that failed, and with null when something works again. */
    private readonly onChange: (failed: StatusError | null) => void,
  ) {}

  /** What the status shows: the first trouble that is not over. */
  get current(): StatusError | null {
    return [...this.open.values()][0] ?? null;
  }

  /** Repeats until it works, and throws what can't be mended so; undefined as soon as it is stopped. */
  async trying<T>(
    trial: Exclude<Trial, "broker">,
    signal: AbortSignal,
    act: () => Promise<T>,
    isFinal: (error: unknown) => boolean,
  ): Promise<T | undefined> {
    while (!signal.aborted) {
      try {
        const result = await unlessAborted(act(), signal);
        this.over(trial);
        return result;
      } catch (error) {
        if (isFinal(error)) throw refusal(sideOf(trial), error);
        await this.failed(trial, error, signal);
      }
    }
    return undefined;
  }

  /** Notes a failed try and waits before the next; throws `UNREACHABLE` when there have been too many. The first is not waited for if `atOnce`. */
  async failed(trial: Trial, error: unknown, signal: AbortSignal, { atOnce = false } = {}): Promise<void> {
    const side = sideOf(trial);
    const attempt = (this.open.get(trial)?.attempt ?? 0) + 1;
    const described = describeError(error);
    if (attempt > this.retry.maxRetries)
      throw new OplogError("UNREACHABLE", `The ${side} could not be used in ${attempt} tries; the last answer: ${described.message}`, {
        cause: error,
        hint: described.hint,
      });
    const trouble = { ...described, message: `${side}: ${described.message}`, attempt };
    this.open.set(trial, trouble);
    this.onChange(trouble);
    if (atOnce && attempt === 1) return;
    await this.clock.sleep(backoffMs(this.retry, attempt, this.clock.random()), signal);
  }

  /** It works again. */
  over(trial: Trial): void {
    if (this.open.delete(trial)) this.onChange(null);
  }
}
