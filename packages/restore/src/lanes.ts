import type { MongoClient } from "mongodb";
import { documentKeyOf } from "./document-key.js";
import { type EventPlace, LaneWindow } from "./lane.js";
import type { Write } from "./operation.js";
import type { ApplyMode } from "./statement.js";
import { sendGroup } from "./write-sender.js";

/** Events that are regrouped together: the more, the larger the commands; the memory they take is bounded by their bytes as well. */
const WINDOW_EVENTS = 5_000;
const WINDOW_BYTES = 16 * 1024 * 1024;

/** Runs writes in parallel: those of one document always in one lane, in order. Each lane has a connection, a window that is sent and one that fills. */
export class Lanes {
  private readonly lanes: Lane[];

  constructor(
    private readonly client: MongoClient,
    count: number,
  ) {
    this.lanes = Array.from({ length: count }, () => ({ window: new LaneWindow(), sending: null }));
  }

  /** Returns a promise when the lane is behind: adding goes on once it is resolved. `ordered`: the documents of the namespace are not independent. */
  add(write: Write, namespace: string, ordered: boolean, place: EventPlace, mode: ApplyMode): Promise<void> | undefined {
    const document = ordered ? "" : documentKeyOf(write.key);
    const lane = this.lanes[hash(namespace, document) % this.lanes.length]!;
    lane.window.add(write, namespace, document, place, mode);
    if (lane.window.events < WINDOW_EVENTS && lane.window.bytes < WINDOW_BYTES) return undefined;
    return this.send(lane);
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
    if (window.events === 0) return lane.sending ?? undefined;
    lane.window = new LaneWindow();
    await lane.sending;
    lane.sending = this.sendWindow(window);
    lane.sending.catch(() => {}); // thrown where it is awaited: at the lane's next window, or when all are drained
  }

  private async sendWindow(window: LaneWindow): Promise<void> {
    for (const group of window.groups()) await sendGroup(this.client, group);
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
