/** Long enough for the next one who wants the same, short enough to let go of what nobody uses. */
const IDLE_MS = 60_000;

/** Something that is open, and can be closed. */
interface Closable {
  close(): Promise<unknown>;
}

interface Lent<T> {
  item: T;
  users: number;
  closing: NodeJS.Timeout | null;
}

/** What several use at the same time, one for each key: opened for the first of them, closed a while after the last has given it back. */
export class Lending<T extends Closable> {
  private readonly lent = new Map<string, Lent<T>>();

  constructor(private readonly open: (key: string) => T) {}

  borrow(key: string): { item: T; giveBack: () => void } {
    const lent = this.lent.get(key) ?? { item: this.open(key), users: 0, closing: null };
    this.lent.set(key, lent);
    if (lent.closing) clearTimeout(lent.closing);
    lent.closing = null;
    lent.users++;
    let mine = true;
    const giveBack = () => {
      if (!mine) return;
      mine = false;
      if (--lent.users > 0) return;
      lent.closing = setTimeout(() => void this.drop(key), IDLE_MS).unref();
    };
    return { item: lent.item, giveBack };
  }

  /** It is of no use: the next one gets another. */
  discard(key: string, item: T): void {
    if (this.lent.get(key)?.item === item) this.lent.delete(key);
  }

  /** Closes those that nobody uses. */
  async close(): Promise<void> {
    await Promise.all([...this.lent.keys()].map((key) => this.drop(key)));
  }

  private async drop(key: string): Promise<void> {
    const lent = this.lent.get(key);
    if (!lent || lent.users > 0) return;
    if (lent.closing) clearTimeout(lent.closing);
    this.lent.delete(key);
    await lent.item.close().catch(() => {}); // nothing goes through it any more
  }
}
