import type { ReactiveController, ReactiveControllerHost } from "lit";
import type { ApiError } from "./api/api-client.js";

/** Asks anew from time to time, while the element is in a page that somebody sees. */
export class RefreshController implements ReactiveController {
  private timer: ReturnType<typeof setInterval> | null = null;

  constructor(
    host: ReactiveControllerHost,
    private readonly everyMs: number,
    private readonly ask: () => Promise<void>,
    /** What came of the last time: who was refused is refused again, until something else is asked, or by somebody else. */
    private readonly failure: () => ApiError | null,
  ) {
    host.addController(this);
  }

  hostConnected(): void {
    this.timer = setInterval(() => document.hidden || this.failure()?.isDenied || void this.ask(), this.everyMs);
  }

  hostDisconnected(): void {
    if (this.timer !== null) clearInterval(this.timer);
  }
}
