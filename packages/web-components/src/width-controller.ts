import type { LitElement, ReactiveController } from "lit";

/** Draws an element anew when what follows from its own width changes: an element does not know how wide its page is. */
export class WidthController<T> implements ReactiveController {
  private observer: ResizeObserver | null = null;
  value: T;
  width = 0;

  constructor(
    private readonly host: LitElement,
    private readonly decide: (width: number) => T,
  ) {
    this.value = decide(globalThis.innerWidth);
    host.addController(this);
  }

  hostConnected(): void {
    this.observer = new ResizeObserver(([entry]) => this.measured(entry!.contentRect.width));
    this.observer.observe(this.host);
  }

  hostDisconnected(): void {
    this.observer?.disconnect();
  }

  private measured(width: number): void {
    this.width = width;
    const value = this.decide(width);
    if (value === this.value) return;
    this.value = value;
    this.host.requestUpdate();
  }
}
