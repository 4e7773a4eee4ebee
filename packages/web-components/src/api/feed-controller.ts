import type { ReactiveController, ReactiveControllerHost } from "lit";
import type { Connection } from "./connection.js";
import type { Feed } from "./feed.js";

/** Figures change many times a second; people do not read them faster than this. */
const REDRAW_MS = 1_000;

/** Keeps an element drawn with what the feed says, while it is in a page. */
export class FeedController implements ReactiveController {
  private stop: (() => void) | null = null;
  private current: Connection | null = null;
  private drawnAt = 0;
  private due: ReturnType<typeof setTimeout> | null = null;
  private drawnUrgency = -1;

  constructor(
    private readonly host: ReactiveControllerHost,
    /** Asked at each update: endpoint and token are properties that may change. */
    private readonly connection: () => Connection,
    /** Called before the element is drawn anew. */
    private readonly onChange: (feed: Feed) => void = () => {},
  ) {
    host.addController(this);
  }

  get feed(): Feed {
    return this.connection().feed;
  }

  hostConnected(): void {
    this.follow();
  }

  hostUpdate(): void {
    this.follow();
  }

  hostDisconnected(): void {
    this.stop?.();
    this.stop = null;
    this.current = null;
    if (this.due !== null) clearTimeout(this.due);
    this.due = null;
  }

  private follow(): void {
    const connection = this.connection();
    if (connection === this.current) return;
    this.stop?.();
    this.current = connection;
    this.stop = connection.feed.listen(() => this.changed(connection.feed));
  }

  /** What a person waits for shows at once. */
  private changed(feed: Feed): void {
    const wait = feed.urgency === this.drawnUrgency ? this.drawnAt + REDRAW_MS - performance.now() : 0;
    this.drawnUrgency = feed.urgency;
    if (wait <= 0) this.draw(feed);
    else this.due ??= setTimeout(() => this.draw(feed), wait);
  }

  private draw(feed: Feed): void {
    if (this.due !== null) clearTimeout(this.due);
    this.due = null;
    this.drawnAt = performance.now();
    this.onChange(feed);
    this.host.requestUpdate();
  }
}
