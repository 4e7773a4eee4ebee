import type { S3Client } from "@aws-sdk/client-s3";
import { OplogError } from "../errors.js";
import type { S3StoreUri } from "./s3-uri.js";

type Sdk = typeof import("@aws-sdk/client-s3");

/** What a store needs of the SDK, loaded when the first such store is opened. */
export interface S3 {
  sdk: Sdk;
  client: S3Client;
}

const TIMEOUTS = {
  /** The caller retries by its own rules, and wants to know soon. */
  connectionTimeout: 5_000,
  /** The slowest request, a part of 8 MiB over a poor line, takes a fraction of it. */
  requestTimeout: 60_000,
  throwOnRequestTimeout: true,
};

/** Once at once, once more after a moment: whatever lasts longer is for the caller, who shows it in its status. */
const MAX_ATTEMPTS = 2;

export async function s3Client({ endpoint, region, credentials }: S3StoreUri): Promise<S3> {
  const sdk = await import("@aws-sdk/client-s3").catch((cause) => {
    throw new OplogError("BAD_INPUT", "A store in object storage needs the package @aws-sdk/client-s3, which is not installed", {
      cause,
      hint: "Install it beside Oplog Collector: npm install @aws-sdk/client-s3",
    });
  });
  const client = new sdk.S3Client({
    requestHandler: TIMEOUTS,
    maxAttempts: MAX_ATTEMPTS,
    ...(region !== undefined && { region }),
    ...(credentials && { credentials }),
    // What other servers than AWS know: the bucket in the path, and of checksums no more than each request has always needed.
    ...(endpoint !== undefined && {
      endpoint,
      forcePathStyle: true,
      requestChecksumCalculation: "WHEN_REQUIRED" as const,
      responseChecksumValidation: "WHEN_REQUIRED" as const,
    }),
  });
  return { sdk, client };
}
