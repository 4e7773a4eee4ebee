/**
 * Takes credentials out of text before anyone reads it: messages, logs, API answers. Where it is unclear what is a secret, more goes
 * rather than less: a lost host name is a nuisance, a printed password an incident.
 */

/** What a credential becomes. */
export const REDACTED = "***";

/** `mongodb://`, `mongodb+srv://`, `s3://`, `https://`…, also where the URI is percent-encoded in another one. */
const SCHEME = /[A-Za-z][A-Za-z0-9+.-]*(?:%2B[A-Za-z0-9]+)?(?::\/\/|%3A%2F%2F)/gi;

/** A URI ends at white space, or at a quote or bracket that closes what it stands in; any other character may belong to a password. */
const URI_END = /\s|["'`<>](?=$|[\s,;:.)\]}<])|\\"/;

/** A host list, then nothing, a path or parameters: no credentials that a space has cut off. */
const HOSTS_ONLY = /^(?:[\w.%-]*|\[[\da-f:.%]*\])(?::\d{0,5})?(?:,(?:[\w.%-]*|\[[\da-f:.%]*\])(?::\d{0,5})?)*(?:[/?#]|[)\]}>,;.:!'"]*$)/i;

/** Parameters whose value is a secret, in URIs of MongoDB, of S3 and in signed URLs; `=` and `&` may be percent-encoded. */
const SECRET_PARAMETER =
  /([?&;]|%3F|%26)([^=&\s%]*(?:password|passwd|secret|token|accesskey|apikey|signature|credential|authmechanismproperties|proxyusername)[^=&\s%]*)(=|%3D)((?:(?!%26)[^&\s"'`#])*)/gi;

/** A URI without user name, password and secret parameters: `mongodb://***@host/db`. */
export function redactUri(uri: string): string {
  const scheme = new RegExp(SCHEME.source, "iy").exec(uri.trimStart());
  if (!scheme) return redact(uri);
  const rest = uri.trimStart().slice(scheme[0].length);
  // The last @ of all, so that one in a password (or a space before it) can't end the credentials early.
  const at = lastAt(rest, scheme[0]);
  return scheme[0] + redactParameters(at ? `${REDACTED}${rest.slice(at.start)}` : rest);
}

/** The same for every URI inside a text. */
export function redact(text: string): string {
  let out = "";
  let from = 0;
  for (const scheme of text.matchAll(SCHEME)) {
    const start = scheme.index + scheme[0].length;
    if (start <= from) continue;
    const end = endOfUri(text, start, scheme[0]);
    out += text.slice(from, start) + withoutUser(text.slice(start, end), scheme[0]);
    from = end;
  }
  return redactParameters(out + text.slice(from));
}

function withoutUser(rest: string, scheme: string): string {
  const at = lastAt(rest, scheme);
  if (at) return `${REDACTED}${rest.slice(at.start)}`;
  return HOSTS_ONLY.test(rest) ? rest : REDACTED;
}

/** Where the URI ends whose credentials start at `start`: further than the next space when a password seems to hold that space. */
function endOfUri(text: string, start: number, scheme: string): number {
  const run = URI_END.exec(text.slice(start));
  const end = run ? start + run.index : text.length;
  if (lastAt(text.slice(start, end), scheme) || HOSTS_ONLY.test(text.slice(start, end))) return end;
  const line = text.slice(start).split("\n", 1)[0]!;
  const at = lastAt(line, scheme);
  return at ? start + at.start : end;
}

function lastAt(rest: string, scheme: string): { start: number } | undefined {
  const start = Math.max(rest.lastIndexOf("@"), scheme.endsWith("//") ? -1 : rest.lastIndexOf("%40"));
  return start < 0 ? undefined : { start };
}

const redactParameters = (text: string): string => text.replace(SECRET_PARAMETER, `$1$2$3${REDACTED}`);
