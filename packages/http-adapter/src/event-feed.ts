import { randomBytes } from "node:crypto";
import type { ManagerApi, ManagerEvent } from "@oplog-collector/manager";

/** One server-sent event. */
export interface FeedItem {
  /** `<feed>-<number>`: a reconnecting browser says the last one that it has. */
  id: string;
  number: number;
  event: ManagerEvent;
}

/** What a reconnecting browser may have missed and still gets in order; one that missed more gets everything anew. */
const KEPT = 1_000;

/** The manager's events, numbered, with the last ones kept for those who reconnect. One for an API, however many browsers watch. */
export class EventFeed {
  /** Numbers of another run of the server mean nothing to this one. */
  private readonly feed = randomBytes(4).toString("hex");
  private readonly kept: FeedItem[] = [];
  private readonly listeners = new Set<(item: FeedItem) => void>();
  private number = 0;
  private readonly unsubscribe: () => void;

  constructor(manager: Pick<ManagerApi, "subscribe">) {
    this.unsubscribe = manager.subscribe((event) => this.publish(event));
  }

  /** The id that a browser which has everything would have. */
  get lastId(): string {
    return `${this.feed}-${this.number}`;
  }

  /** What came after that id; null when it is not known any more. */
  since(id: string | undefined): FeedItem[] | null {
    const [feed, number] = (id ?? "").split("-");
    const last = Number(number);
    if (feed !== this.feed || !Number.isInteger(last) || last > this.number) return null;
    if (last < this.number - this.kept.length) return null;
    return this.kept.filter((item) => item.number > last);
  }

  listen(listener: (item: FeedItem) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  close(): void {
    this.unsubscribe();
  }

  private publish(event: ManagerEvent): void {
    this.number++;
    const item = { id: this.lastId, number: this.number, event };
    this.kept.push(item);
    if (this.kept.length > KEPT) this.kept.shift();
    for (const listener of this.listeners) listener(item);
  }
}

/** What an event is about: a newer one of the same subject makes an older one, not sent yet, needless. */
export function subjectOf(event: ManagerEvent): string {
  switch (event.kind) {
    case "cluster":
      return `cluster ${event.cluster.id}`;
    case "cluster-removed":
      return `cluster ${event.id}`;
    case "job":
      return `job ${event.job.id}`;
  }
}
