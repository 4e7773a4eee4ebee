import type { StoreLocation } from "../store.js";
import { objectStoreLocation } from "./object-store.js";
import { S3Bucket } from "./s3-bucket.js";
import { s3Client } from "./s3-client.js";
import { parseS3StoreUri } from "./s3-uri.js";

/** Logs in a bucket, each segment an object. Asks the bucket something, so that one that can't be used is told at once. */
export async function s3StoreLocation(uri: string): Promise<StoreLocation> {
  const parsed = parseS3StoreUri(uri);
  const bucket = new S3Bucket(await s3Client(parsed), parsed.bucket, parsed.prefix);
  try {
    await bucket.list("", { limit: 1 });
  } catch (error) {
    await bucket.close();
    throw error;
  }
  return objectStoreLocation(bucket);
}
