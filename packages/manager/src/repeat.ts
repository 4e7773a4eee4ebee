/** Does something again and again, one after another, with a pause between; at once when it is woken. */
export class Repeat {
  private ending = false;
  private woken = false;
  private wakeUp: (() => void) | null = null;
  private loop: Promise<void> | null = null;

  constructor(
    private readonly act: () => Promise<void>,
    private readonly intervalMs: number,
    private readonly onError: (error: unknown) => void,
  ) {}

  start(): void {
    this.loop ??= this.run();
  }

  /** Also when it is at it: then once more afterwards, as it may have looked too early. */
  wake(): void {
    this.woken = true;
    this.wakeUp?.();
  }

  /** Resolves when the act in progress is over. */
  async stop(): Promise<void> {
    this.ending = true;
    this.wakeUp?.();
    await this.loop;
  }

  private async run(): Promise<void> {
    while (!this.ending) {
      this.woken = false;
      await this.act().catch(this.onError);
      if (!this.woken && !this.ending) await this.pause();
    }
  }

  private pause(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.wakeUp?.(), this.intervalMs);
      this.wakeUp = () => {
        clearTimeout(timer);
        this.wakeUp = null;
        resolve();
      };
    });
  }
}
