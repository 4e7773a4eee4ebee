/** So many failed tries at a token in so much time are a mistake; more are a search. */
const FAILURES = 10;
const WINDOW_MS = 60_000;
/** An attacker with many addresses must not fill the memory. */
const MAX_ADDRESSES = 10_000;

/** Counts failed authentications by address. */
export class FailureLimit {
  private readonly failures = new Map<string, number[]>();

  constructor(private readonly now: () => number = Date.now) {}

  /** Seconds until this address may try again; 0: now. */
  waitSeconds(address: string): number {
    const recent = this.recent(address);
    return recent.length < FAILURES ? 0 : Math.ceil((recent[0]! + WINDOW_MS - this.now()) / 1000);
  }

  failed(address: string): void {
    if (this.failures.size >= MAX_ADDRESSES) this.failures.clear();
    this.failures.set(address, [...this.recent(address), this.now()].slice(-FAILURES));
  }

  private recent(address: string): number[] {
    return (this.failures.get(address) ?? []).filter((at) => at > this.now() - WINDOW_MS);
  }
}
