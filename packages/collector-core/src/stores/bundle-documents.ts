import { Binary, type Collection, type Db } from "mongodb";
import type { BundleRange, EncodedBundle } from "./bundle.js";
import type { BundlePlace } from "./bundles.js";
import { damagedSegment } from "./damaged-segment.js";
import { created } from "./duplicate-key.js";

/** A bundle as a document. Its size is bounded far below that of one: see `BUNDLE_BYTES`. */
interface BundleDocument {
  _id: BundleRange;
  index: Binary;
  payloads: Binary;
}

/** The bundles of a log in a MongoDB database, in `oplogs_<log>.bundles`. */
export class BundleDocuments implements Omit<BundlePlace, "singles" | "removeSingles"> {
  readonly #bundles: Collection<BundleDocument>;

  constructor(db: Db, prefix: string) {
    this.#bundles = db.collection(`${prefix}.bundles`);
  }

  async ranges(): Promise<BundleRange[]> {
    const found = await this.#bundles.find({}, { projection: { _id: 1 } }).toArray();
    return found.map(({ _id }) => _id);
  }

  index = (range: BundleRange): Promise<Buffer | null> => this.#field(range, "index");
  payloads = (range: BundleRange): Promise<Buffer | null> => this.#field(range, "payloads");

  async create({ first, last }: BundleRange, { index, payloads }: EncodedBundle): Promise<"stored" | "taken"> {
    const document = { _id: { first, last }, index: new Binary(index), payloads: new Binary(Buffer.concat(payloads)) };
    return (await created(this.#bundles.insertOne(document))) ? "stored" : "taken";
  }

  async remove({ first, last }: BundleRange): Promise<void> {
    await this.#bundles.deleteOne({ _id: { first, last } });
  }

  async drop(): Promise<void> {
    await this.#bundles.drop();
  }

  async #field({ first, last }: BundleRange, field: "index" | "payloads"): Promise<Buffer | null> {
    const found = await this.#bundles.findOne({ _id: { first, last } }, { projection: { [field]: 1 } });
    if (!found) return null;
    const value: unknown = found[field];
    if (value instanceof Binary) return Buffer.from(value.buffer.buffer, value.buffer.byteOffset, value.position);
    throw damagedSegment(first, `is in a bundle up to segment ${last} that has no ${field}`);
  }
}
