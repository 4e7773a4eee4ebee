import { isOplogError } from "./errors.js";
import { redact } from "./redact.js";
import { codeOf } from "./source/classify-error.js";
import type { StatusError } from "./status.js";

const SERVER_HINTS = new Map<number, string>([
  [13, "Grant the user readAnyDatabase (to capture everything) or read on the one database; clusterMonitor as well for headroom."],
  [18, "Check user, password and authSource in the URI."],
  [8000, "Check user, password and authSource in the URI."],
  [10334, "Use MongoDB 6.0.9 or newer, where large events come in fragments."],
]);

const NETWORK_HINTS: Record<string, string> = {
  ECONNREFUSED: "Check host and port, and that the server runs.",
  ENOTFOUND: "Check the host name in the URI.",
  EAI_AGAIN: "Check the host name in the URI and the machine's name service.",
  ETIMEDOUT: "Check network and firewall.",
};

/** The system error behind a failed connection: the driver nests it. */
export function networkCode(error: unknown): string | undefined {
  for (let at = error, depth = 0; at && depth < 6; depth++) {
    const { code, cause, reason } = at as { code?: unknown; cause?: unknown; reason?: { servers?: Map<string, { error?: unknown }> } };
    if (typeof code === "string" && /^E[A-Z]+/.test(code)) return code;
    at = cause ?? (reason?.servers ? [...reason.servers.values()].map((server) => server.error).find(Boolean) : undefined);
  }
  return undefined;
}

/** An error in words for status, logs and command line: what happened, what to do, and no password. */
export function describeError(error: unknown): StatusError {
  if (isOplogError(error)) return { code: error.code, message: redact(error.message), ...(error.hint && { hint: redact(error.hint) }) };
  const serverCode = codeOf(error);
  const network = networkCode(error);
  const message = redact(error instanceof Error ? error.message : String(error));
  const hint = (serverCode !== undefined && SERVER_HINTS.get(serverCode)) || (network && NETWORK_HINTS[network]);
  const { codeName, name } = error as { codeName?: unknown; name?: unknown };
  const code = network ?? (typeof codeName === "string" ? codeName : typeof name === "string" ? name : "Error");
  return { code, message, ...(hint && { hint }) };
}
