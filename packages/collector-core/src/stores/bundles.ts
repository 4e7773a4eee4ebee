import { OplogError } from "../errors.js";
import { hashSegment, type SealedSegment } from "../segment.js";
import type { Bundling, StoredHeader } from "../store.js";
import { type BundleRange, decodeIndex, type EncodedBundle, encodeBundle, rangeOf, segmentIn, widest } from "./bundle.js";

/**
 * A writer that had its last answer from the store longer ago than this may have slept through another writer and a compaction: it then looks
 * whether the number that it got had been in a bundle all along. What is younger than `COMPACT_AFTER_MS` is in no bundle.
 */
const ASLEEP_AFTER_MS = 30_000;

/** Where a store keeps bundles, and the segments that are objects of their own. */
export interface BundlePlace {
  /** The bundles that are there. */
  ranges(): Promise<BundleRange[]>;
  /** Null when there is no such bundle. */
  index(range: BundleRange): Promise<Buffer | null>;
  payloads(range: BundleRange): Promise<Buffer | null>;
  /** Durable, if its name is free. */
  create(range: BundleRange, bundle: EncodedBundle): Promise<"stored" | "taken">;
  /** Also of one that is gone already. */
  remove(range: BundleRange): Promise<void>;
  /** The numbers of the segments that are objects of their own. */
  singles(): Promise<number[]>;
  removeSingles(numbers: number[]): Promise<void>;
}

/** Read once, however many ask for it at a time. */
interface OpenBundle {
  range: BundleRange;
  /** Null when it is gone. */
  segments: Promise<ReturnType<typeof decodeIndex> | null>;
  payloads?: Promise<Buffer | null>;
}

/**
 * The bundles of one log. A bundle is durable before the segments that it holds are removed one by one, and who looks for a segment looks for a
 * bundle before and after it looks for the segment itself: so at any moment each segment is found. A bundle comes before a single segment of the
 * same number, which is a leftover.
 */
export class Bundles implements Bundling {
  /** As last listed. */
  #known: BundleRange[] | undefined;
  /** The one that was read last: whoever reads one of its segments reads the next. */
  #open: OpenBundle | undefined;
  #heardAt = 0;

  constructor(private readonly place: BundlePlace) {}

  async ranges(): Promise<BundleRange[]> {
    this.#open = undefined; // it may be gone, or be another one: the log may have been begun anew
    this.#known = widest(await this.place.ranges());
    return this.#known;
  }

  /** The answer to an append, after the store has said that the number was free: also a number that is in a bundle is taken. */
  async answer(number: number, append: () => Promise<"stored" | "taken">): Promise<"stored" | "taken"> {
    if (this.#known && rangeOf(this.#known, number)) return "taken";
    const answer = await append();
    const slept = Date.now() - this.#heardAt > ASLEEP_AFTER_MS;
    if (answer === "stored" && slept && rangeOf(await this.ranges(), number)) {
      await this.place.removeSingles([number]);
      return "taken";
    }
    this.#heardAt = Date.now();
    return answer;
  }

  /** Reads something of a segment: from its bundle, or by `single` where it is an object of its own; null when it is neither. */
  async find<T>(number: number, fromBundle: (number: number) => Promise<T | null>, single: (number: number) => Promise<T | null>) {
    const bundled = async (ranges: BundleRange[]) => (rangeOf(ranges, number) ? fromBundle(number) : null);
    // The second look: it was put into a bundle meanwhile.
    return (await bundled(this.#known ?? (await this.ranges()))) ?? (await single(number)) ?? bundled(await this.ranges());
  }

  header = async (number: number): Promise<StoredHeader | null> => {
    const bundle = await this.#opened(number);
    return (await bundle?.segments)?.get(number)?.header ?? null;
  };

  read = async (number: number): Promise<SealedSegment | null> => {
    const bundle = await this.#opened(number);
    const found = (await bundle?.segments)?.get(number);
    if (!bundle || !found) return null;
    bundle.payloads ??= this.#once(bundle, this.place.payloads(bundle.range));
    const payloads = await bundle.payloads;
    return payloads && segmentIn(found, payloads);
  };

  async bundle(segments: readonly SealedSegment[]): Promise<number> {
    const range = { first: segments[0]!.number, last: segments.at(-1)!.number };
    const encoded = encodeBundle(segments);
    await this.place.create(range, encoded); // taken: by the same segments, which never change
    await this.#checkKept(range, segments);
    this.#known = undefined;
    await this.place.removeSingles(segments.map(({ number }) => number));
    return encoded.index.length + encoded.payloads.reduce((sum, { length }) => sum + length, 0);
  }

  async tidy(): Promise<number> {
    const ranges = await this.ranges();
    const left = ranges.length > 0 ? (await this.place.singles()).filter((number) => rangeOf(ranges, number)) : [];
    // Only what really comes out of its bundle may go.
    for (const number of left) {
      const kept = await this.read(number);
      if (!kept || !hashSegment(kept.header, kept.payload).equals(kept.hash)) throw notKept(number);
    }
    if (left.length > 0) await this.place.removeSingles(left);
    return left.length;
  }

  /** Removes what is in bundles up to a number. One that reaches beyond it is replaced by a shorter one. */
  async remove(upTo = Number.POSITIVE_INFINITY): Promise<void> {
    await this.ranges();
    for (const range of (await this.place.ranges()).sort((a, b) => a.first - b.first)) {
      if (range.first > upTo) break;
      if (range.last > upTo) {
        const rest: SealedSegment[] = [];
        for (let number = upTo + 1; number <= range.last; number++) {
          const segment = await this.read(number);
          if (!segment) throw notKept(number);
          rest.push(segment);
        }
        await this.bundle(rest);
      }
      await this.place.remove(range);
    }
    await this.ranges();
  }

  async #checkKept(range: BundleRange, segments: readonly SealedSegment[]): Promise<void> {
    const [index, payloads] = [await this.place.index(range), await this.place.payloads(range)];
    const kept = index && decodeIndex(range, index);
    for (const { number, header, hash, payload } of segments) {
      const found = kept?.get(number);
      const same = found && payloads && segmentIn(found, payloads);
      if (!same?.header.equals(header) || !same.hash.equals(hash) || !same.payload.equals(payload)) throw notKept(number);
    }
  }

  async #opened(number: number): Promise<OpenBundle | undefined> {
    const known = this.#known ?? (await this.ranges());
    if (this.#open && rangeOf([this.#open.range], number)) return this.#open;
    const range = rangeOf(known, number);
    if (!range) return undefined;
    const segments = this.place.index(range).then((index) => index && decodeIndex(range, index));
    const bundle: OpenBundle = { range, segments };
    bundle.segments = this.#once(bundle, segments);
    this.#open = bundle;
    return bundle;
  }

  /** What failed is tried again by who asks next. */
  #once<T>(bundle: OpenBundle, reading: Promise<T>): Promise<T> {
    reading.catch(() => {
      if (this.#open === bundle) this.#open = undefined;
    });
    return reading;
  }
}

const notKept = (number: number) =>
  new OplogError("STORE_FAILED", `A bundle does not give segment ${number} back as it was`, {
    hint: "Nothing was removed. Run verify; look for errors of the disk or the server.",
  });
