import { networkCode } from "../describe-error.js";
import { OplogError, type OplogErrorCode } from "../errors.js";

interface Meaning {
  code: OplogErrorCode;
  what: string;
  hint: string;
}

const CREDENTIALS_HINT =
  "Check the access key and the secret: in the URI (s3://key:secret@bucket, percent-encoded), or where the AWS SDK looks for them (AWS_ACCESS_KEY_ID, a profile, the machine's role).";
const REGION_HINT = "Name the bucket's region in the URI (?region=eu-central-1) or in AWS_REGION.";

const login = (what: string): Meaning => ({ code: "LOGIN_REFUSED", what, hint: CREDENTIALS_HINT });
const region = (what: string): Meaning => ({ code: "BAD_INPUT", what, hint: REGION_HINT });
/** The collector tries these again by itself. */
const passing = (what: string, hint: string): Meaning => ({ code: "UNREACHABLE", what, hint });

/** By the server's error code, never by the text of its message. */
const MEANINGS: Record<string, Meaning> = {
  NoSuchBucket: { code: "BAD_INPUT", what: "the bucket does not exist", hint: "Create it, or check its name and the endpoint in the URI." },
  AccessDenied: {
    code: "FORBIDDEN",
    what: "the access key may not do this",
    hint: "Grant it s3:ListBucket on the bucket, and s3:GetObject, s3:PutObject, s3:DeleteObject and s3:AbortMultipartUpload on its objects.",
  },
  InvalidAccessKeyId: login("the server does not know the access key"),
  SignatureDoesNotMatch: login("the secret is not the access key's"),
  InvalidToken: login("the session token is not valid"),
  CredentialsProviderError: login("there are no credentials"),
  ExpiredToken: passing("the credentials have expired", "Renew them; the collector goes on by itself once it finds valid ones."),
  PermanentRedirect: region("the bucket is in another region"),
  AuthorizationHeaderMalformed: region("the bucket is in another region"),
  IllegalLocationConstraintException: region("the bucket is in another region"),
  RequestTimeTooSkewed: passing(
    "the clock of this machine is too far from the server's",
    "Set the clock (NTP); the collector goes on by itself after that.",
  ),
  // An upload in parts whose end was confirmed, in an answer that never came.
  NoSuchUpload: passing("it no longer knows an upload", "It passes by itself: what was stored is looked up."),
  XMinioStorageFull: passing("its disk is full", "Free some space, or shorten the retention; the collector goes on by itself."),
  QuotaExceeded: passing("its quota is used up", "Raise it, or shorten the retention; the collector goes on by itself."),
  SlowDown: passing("it asks for fewer requests", "It passes by itself; a larger --rpo makes fewer."),
  TimeoutError: passing("it did not answer in time", "Check the network and the server."),
};

/** What the S3 store throws for an error of the SDK; the original is its cause. */
export function s3Failure(error: unknown, doing: string): unknown {
  if (error instanceof OplogError) return error;
  const { name = "", Code, $metadata } = error as { name?: string; Code?: string; $metadata?: { httpStatusCode?: number } };
  const status = $metadata?.httpStatusCode;
  const network = networkCode(error);
  if (network === "ENOTFOUND") return error; // a slip at the first connection, an outage later: as everywhere
  const answered = status === undefined ? name : `${Code ?? name}, status ${status}`;
  const meaning =
    MEANINGS[Code ?? ""] ??
    MEANINGS[name] ??
    (status === 301 ? MEANINGS.PermanentRedirect : status === 403 ? MEANINGS.AccessDenied : undefined) ??
    (/^Region is missing/.test((error as Error).message) ? region("its region is not known") : undefined) ??
    (network && passing(`it does not answer (${network})`, "Check the endpoint, the network and that the server runs."));
  const isRequestAtFault = status !== undefined && status >= 400 && status < 500 && ![408, 409, 425, 429].includes(status);
  const { code, what, hint } =
    meaning ||
    (isRequestAtFault
      ? { code: "BAD_INPUT" as const, what: "it refused the request", hint: "Check the URI; see the cause for what the server answered." }
      : passing(`it answered ${answered || "with an error"}`, "See the cause for what the server answered."));
  return new OplogError(code, `The object store: ${what}, ${doing}${meaning && status !== undefined ? ` (${answered})` : ""}`, {
    cause: error,
    hint,
  });
}
