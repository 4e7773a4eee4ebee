import { setTimeout as sleep } from "node:timers/promises";
import type { CompleteMultipartUploadCommandInput } from "@aws-sdk/client-s3";
import { OplogError } from "../errors.js";
import type { ObjectPart, ObjectPlace } from "./object-place.js";
import type { S3 } from "./s3-client.js";
import { s3Failure } from "./s3-failure.js";

/** From this size on an object is sent in parts, so that after a failure one part is sent again, not all of it. At least 5 MiB, by S3's rules. */
const PART_BYTES = 8 * 1024 * 1024;

/** The server answers 409 while another request for the same key is under way; a moment later it knows who was first. */
const CONFLICT_PAUSE_MS = 100;
const CONFLICT_TRIES = 20;

/** What one request may delete, by S3's rules. */
const DELETED_AT_ONCE = 1_000;

/** The object on which it is tried whether the server keeps what is there. It stays: so a later try takes one request. */
const PROBE = "conditional-create-probe";

/** Where an object keeps a copy of the segment's hash. */
const HASH_METADATA = "hash";

type Request<T> = (sdk: S3["sdk"], client: S3["client"], bucket: string) => Promise<T>;

/** Objects of a bucket below a prefix, created once and never replaced. */
export class S3Bucket implements ObjectPlace {
  #probing: Promise<void> | undefined;
  #probingParts: Promise<boolean> | undefined;

  constructor(
    private readonly s3: S3,
    private readonly bucket: string,
    private readonly prefix: string,
  ) {}

  /** Those further down as their folder only: else it would be listed with all that is in it. */
  async list(folder: string, { after, limit }: { after?: string; limit?: number } = {}): Promise<string[]> {
    const Prefix = this.#key(folder);
    const found: string[] = [];
    let from = after === undefined ? {} : { StartAfter: this.#key(after) };
    for (let token: string | undefined; ; from = {}) {
      const page = await this.#send("listing", ({ ListObjectsV2Command }, client, Bucket) =>
        client.send(
          new ListObjectsV2Command({ Bucket, Prefix, Delimiter: "/", ...from, ...(token && { ContinuationToken: token }), MaxKeys: limit }),
        ),
      );
      const keys = [...(page.Contents ?? []).map(({ Key }) => Key!), ...(page.CommonPrefixes ?? []).map((common) => common.Prefix!)];
      for (const key of keys) found.push(key.slice(this.prefix.length));
      token = page.NextContinuationToken;
      if (!page.IsTruncated || !token || found.length >= (limit ?? Number.POSITIVE_INFINITY)) return found;
    }
  }

  async read(name: string): Promise<Buffer | null> {
    return (await this.#get(name))?.bytes ?? null;
  }

  readPart(name: string, { position, length }: { position: number; length: number }): Promise<ObjectPart | null> {
    return this.#get(name, `bytes=${position}-${position + length - 1}`);
  }

  /** The object, or the `range` of it (as in the HTTP header). */
  #get(name: string, range?: string): Promise<ObjectPart | null> {
    return this.#send(`reading ${name}`, async ({ GetObjectCommand, NoSuchKey }, client, Bucket) => {
      try {
        const { Body, ContentRange, ContentLength, Metadata } = await client.send(
          new GetObjectCommand({ Bucket, Key: this.#key(name), ...(range && { Range: range }) }),
        );
        const found = await Body!.transformToByteArray();
        const bytes = Buffer.from(found.buffer, found.byteOffset, found.byteLength);
        if (bytes.length !== ContentLength) throw new OplogError("UNREACHABLE", `The object store ended its answer early, reading ${name}`);
        return { bytes, size: Number(ContentRange?.split("/")[1] ?? bytes.length), hash: Metadata?.[HASH_METADATA] };
      } catch (error) {
        if (error instanceof NoSuchKey) return null;
        throw error;
      }
    });
  }

  async create(name: string, bytes: Buffer, hash?: string): Promise<"stored" | "taken"> {
    await this.#checkConditionalCreate();
    const metadata: Record<string, string> = hash === undefined ? {} : { [HASH_METADATA]: hash };
    // A server that holds the condition for whole objects only gets whole objects.
    if (bytes.length > PART_BYTES && (await this.#checkConditionalComplete())) return this.#createInParts(name, bytes, metadata);
    return this.#put(name, bytes, metadata);
  }

  async remove(names: readonly string[]): Promise<void> {
    for (let at = 0; at < names.length; at += DELETED_AT_ONCE)
      await this.#send("deleting", async ({ DeleteObjectsCommand }, client, Bucket) => {
        const Objects = names.slice(at, at + DELETED_AT_ONCE).map((name) => ({ Key: this.#key(name) }));
        const { Errors = [] } = await client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects, Quiet: true } }));
        if (Errors[0]) throw Object.assign(new Error(Errors[0].Message), { Code: Errors[0].Code });
      });
  }

  async close(): Promise<void> {
    this.s3.client.destroy();
  }

  #key = (name: string): string => `${this.prefix}${name}`;

  #put(name: string, Body: Buffer, Metadata: Record<string, string> = {}): Promise<"stored" | "taken"> {
    return this.#ifFree(`writing ${name}`, ({ PutObjectCommand }, client, Bucket) =>
      client.send(new PutObjectCommand({ Bucket, Key: this.#key(name), Body, Metadata, IfNoneMatch: "*" })),
    );
  }

  async #createInParts(name: string, bytes: Buffer, Metadata: Record<string, string> = {}): Promise<"stored" | "taken"> {
    const Key = this.#key(name);
    const doing = `writing ${name} in parts`;
    const { UploadId } = await this.#send(doing, ({ CreateMultipartUploadCommand }, client, Bucket) =>
      client.send(new CreateMultipartUploadCommand({ Bucket, Key, Metadata })),
    );
    let stored = false;
    try {
      const Parts: NonNullable<CompleteMultipartUploadCommandInput["MultipartUpload"]>["Parts"] = [];
      for (let at = 0; at < bytes.length; at += PART_BYTES) {
        const [PartNumber, Body] = [Parts.length + 1, bytes.subarray(at, at + PART_BYTES)];
        const { ETag } = await this.#send(doing, ({ UploadPartCommand }, client, Bucket) =>
          client.send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body })),
        );
        Parts.push({ PartNumber, ETag });
      }
      const answer = await this.#ifFree(doing, ({ CompleteMultipartUploadCommand }, client, Bucket) =>
        client.send(new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts }, IfNoneMatch: "*" })),
      );
      stored = answer === "stored";
      return answer;
    } finally {
      // What is left of it is never seen, only paid for; if this fails, the bucket's rule for incomplete uploads takes it away.
      if (!stored)
        await this.s3.client
          .send(new this.s3.sdk.AbortMultipartUploadCommand({ Bucket: this.bucket, Key, UploadId }))
          .catch(() => undefined);
    }
  }

  /** That a number can be taken only once is what keeps two collectors apart: a server that does not hold to it is of no use. */
  #checkConditionalCreate(): Promise<void> {
    this.#probing ??= (async () => {
      for (let attempt = 1; attempt <= 2; attempt++) if ((await this.#put(PROBE, Buffer.from("kept\n"))) === "taken") return;
      throw new OplogError(
        "BAD_INPUT",
        "The object store overwrites what is there although it is asked not to (If-None-Match: *): two collectors could destroy one another's log in it",
        { hint: "Use a server that honours conditional writes: AWS S3, MinIO, Ceph, Cloudflare R2 and others in their current versions." },
      );
    })();
    this.#probing.catch(() => (this.#probing = undefined)); // the next one asks again
    return this.#probing;
  }

  #checkConditionalComplete(): Promise<boolean> {
    this.#probingParts ??= this.#createInParts(PROBE, Buffer.from("parts\n")).then((answer) => answer === "taken");
    this.#probingParts.catch(() => (this.#probingParts = undefined));
    return this.#probingParts;
  }

  async #ifFree(doing: string, request: Request<unknown>): Promise<"stored" | "taken"> {
    for (let attempt = 1; ; attempt++) {
      try {
        await request(this.s3.sdk, this.s3.client, this.bucket);
        return "stored";
      } catch (error) {
        const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
        if (status === 412) return "taken";
        if (status !== 409 || attempt === CONFLICT_TRIES) throw s3Failure(error, doing);
        await sleep(CONFLICT_PAUSE_MS);
      }
    }
  }

  async #send<T>(doing: string, request: Request<T>): Promise<T> {
    try {
      return await request(this.s3.sdk, this.s3.client, this.bucket);
    } catch (error) {
      throw s3Failure(error, doing);
    }
  }
}
