import type { Clock } from "./clock.js";
import { describeError } from "./describe-error.js";
import { OplogError } from "./errors.js";
import { backoffMs, type RetryOptions } from "./retry.js";
import type { StatusError } from "./status.js";

/** The two things that can be away. */
export type Side = "source" | "store";

/** Counts tries in a row for each side, waits between them, and says what is wrong at the moment. */
export class Troubles {
  private readonly open = new Map<Side, StatusError>();

  constructor(
    private readonly retry: RetryOptions,
    private readonly clock: Clock,
    private readonly onChange: () => void,
  ) {}

  /** What the status shows: the first trouble that is not over. */
  get current(): StatusError | null {
    return [...this.open.values()][0] ?? null;
  }

  /** Notes a failed try and waits before the next; throws `UNREACHABLE` when there have been too many. `first` is not waited for if `atOnce`. */
  async failed(side: Side, error: unknown, signal: AbortSignal, { atOnce = false } = {}): Promise<void> {
    const attempt = (this.open.get(side)?.attempt ?? 0) + 1;
    const described = describeError(error);
    if (attempt > this.retry.maxRetries)
      throw new OplogError("UNREACHABLE", `The ${side} could not be used in ${attempt} tries; the last answer: ${described.message}`, {
        cause: error,
        hint: described.hint,
      });
    this.open.set(side, { ...described, message: `${side}: ${described.message}`, attempt });
    this.onChange();
    if (atOnce && attempt === 1) return;
    await this.clock.sleep(backoffMs(this.retry, attempt, this.clock.random()), signal);
  }

  /** The side works again. */
  over(side: Side): void {
    if (this.open.delete(side)) this.onChange();
  }
}
