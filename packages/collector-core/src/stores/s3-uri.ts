import { OplogError } from "../errors.js";

/** An S3-compatible server has one region at most, and mostly does not look at its name. */
const REGION_OF_OTHER_SERVERS = "us-east-1";

const PARAMETERS = ["endpoint", "region"];

export interface S3StoreUri {
  bucket: string;
  /** What every key begins with: empty, or with a slash at its end. */
  prefix: string;
  /** The server's address; absent: AWS. */
  endpoint?: string;
  /** Absent: as the SDK finds it, in the environment or the user's configuration. */
  region?: string;
  /** Absent: as the SDK finds them. */
  credentials?: { accessKeyId: string; secretAccessKey: string };
}

/** `s3://[key:secret@]bucket[/prefix][?endpoint=…&region=…]` */
export function parseS3StoreUri(given: string): S3StoreUri {
  if (!URL.canParse(given)) throw badUri("has not the form s3://bucket/prefix");
  const { username, password, host, pathname, searchParams, hash } = new URL(given);
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$/.test(host))
    throw badUri(
      host.includes(":") ? "names a server where the bucket belongs" : "names no bucket",
      "The bucket stands after s3://, a server in the parameter endpoint: s3://bucket/prefix?endpoint=http://host:9000.",
    );
  if (hash) throw badUri('has a "#" in it');
  for (const name of searchParams.keys())
    if (!PARAMETERS.includes(name))
      throw badUri(`has the parameter ${JSON.stringify(name.slice(0, 40))}, which is not known`, `Known are: ${PARAMETERS.join(", ")}.`);
  if (!!username !== !!password) throw badUri("has one of access key and secret, without the other", "Write key:secret@, or neither.");
  const [endpoint, region] = [searchParams.get("endpoint") ?? undefined, searchParams.get("region") ?? undefined];
  if (endpoint !== undefined) checkEndpoint(endpoint);
  const folders = decoded(pathname).split("/").filter(Boolean);
  return {
    bucket: host,
    prefix: folders.map((folder) => `${folder}/`).join(""),
    ...(endpoint !== undefined && { endpoint, region: region ?? REGION_OF_OTHER_SERVERS }),
    ...(endpoint === undefined && region !== undefined && { region }),
    ...(username && { credentials: { accessKeyId: decoded(username), secretAccessKey: decoded(password) } }),
  };
}

/** Credentials in the endpoint would be sent nowhere, and shown by whatever prints it. */
function checkEndpoint(endpoint: string): void {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password || url.search || url.hash)
    throw badUri("has an endpoint that is not the address of a server", "Write it as in endpoint=https://host:9000.");
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw badUri("has a % in it that encodes nothing");
  }
}

/** Never repeats the URI: it may hold a secret. */
const badUri = (
  what: string,
  hint = 'Write s3://bucket/prefix?endpoint=…&region=…; in an access key or secret, percent-encode the characters / + @ : and % ("/" is "%2F").',
) => new OplogError("BAD_INPUT", `The store's S3 URI ${what}`, { hint });
