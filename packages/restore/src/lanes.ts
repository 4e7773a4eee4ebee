import type { MongoClient } from "mongodb";
import type { CollectionFacts } from "./catalog.js";
import { documentKeyOf } from "./document-key.js";
import { type EventPlace, LaneWindow } from "./lane-window.js";
import type { Write } from "./operation.js";
import type { ApplyMode } from "./statement.js";
import { UniqueWrites } from "./unique-writes.js";
import { type SendOptions, sendGroup } from "./write-sender.js";

/** Events that are regrouped together: the more, the larger the commands; the memory they take is bounded by their bytes as well. */
const WINDOW_EVENTS = 5_000;
const WINDOW_BYTES = 16 * 1024 * 1024;

/**
 * Runs writes in parallel. Those of one document, and those of one collection whose documents are not independent, always run in one lane, in
 * order. Each lane has a window that is being sent and one that fills.
 */
export class Lanes {
  readonly unique: UniqueWrites;
  private readonly lanes: Lane[];

  constructor(
    private readonly client: MongoClient,
    count: number,
    private readonly options: SendOptions,
  ) {
    this.unique = new UniqueWrites(client);
    this.lanes = Array.from({ length: count }, () => ({ window: new LaneWindow(), sending: null }));
  }

  /** Returns a promise when the lane is behind: adding goes on once it is resolved. */
  add(write: Write, namespace: string, facts: CollectionFacts, place: EventPlace, mode: ApplyMode): Promise<void> | undefined {
    const document = facts.ordered ? "" : documentKeyOf(write.key);
    const lane = this.lanes[hash(namespace, facts.unique ? "" : document) % this.lanes.length]!;
    lane.window.add(write, namespace, document, place, mode, facts.unique);
    return lane.window.events < WINDOW_EVENTS && lane.window.bytes < WINDOW_BYTES ? undefined : this.send(lane);
  }

  /** Resolves when everything that was added is on the target. */
  async drain(): Promise<void> {
    await Promise.all(this.lanes.map((lane) => this.send(lane)));
    await Promise.all(this.lanes.map(({ sending }) => sending));
  }

  /** Waits until no lane is sending, whatever comes of it: after that nothing of this run reaches the target any more. */
  async settle(): Promise<void> {
    await Promise.allSettled(this.lanes.map(({ sending }) => sending));
  }

  private async send(lane: Lane): Promise<void> {
    const { window } = lane;
    await lane.sending;
    if (window.events === 0 || window !== lane.window) return;
    lane.window = new LaneWindow();
    lane.sending = this.sendWindow(window);
    lane.sending.catch(() => {}); // thrown where it is awaited: at the lane's next window, or when all are drained
  }

  private async sendWindow(window: LaneWindow): Promise<void> {
    for (const { groups, sequence } of window.writes()) {
      if (sequence) await this.unique.send({ groups, sequence }, this.options);
      else for (const group of groups) await sendGroup(this.client, group, this.options);
    }
  }
}

interface Lane {
  window: LaneWindow;
  sending: Promise<void> | null;
}

/** FNV-1a over the texts. */
function hash(namespace: string, document: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < document.length; index++) value = Math.imul(value ^ document.charCodeAt(index), 0x01000193);
  for (let index = 0; index < namespace.length; index++) value = Math.imul(value ^ namespace.charCodeAt(index), 0x01000193);
  return value >>> 0;
}
