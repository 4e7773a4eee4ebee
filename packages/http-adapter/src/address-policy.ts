import { fileURLToPath } from "node:url";
import { OplogError, resolveUri } from "@oplog-collector/collector-core";

/** Where this server may be sent: without limits whoever may register a cluster can make it connect to any host it reaches. */
export interface AddressPolicy {
  /** Hosts (`db.example.com`, `*.example.com`, with or without a port) of sources, stores and restore targets; `s3.amazonaws.com` stands for object storage at AWS. @default any */
  hosts?: readonly string[];
  /** Folders in which `file:` stores may lie. @default any */
  folders?: readonly string[];
}

/** Throws `BAD_INPUT` for an address that the policy does not allow. */
export function checkAddress(policy: AddressPolicy, reference: string, what: string): void {
  const uri = resolveUri(reference);
  if (/^file:/i.test(uri)) {
    const path = pathOf(uri);
    if (path === null) throw refused(what, "an address that can't be read");
    const inside = (folder: string) => path === folder || path.startsWith(folder.endsWith("/") ? folder : `${folder}/`);
    if (policy.folders && !policy.folders.some(inside)) throw refused(what, "that folder");
    return;
  }
  if (!policy.hosts) return;
  const allowed = policy.hosts.map(matcher);
  for (const host of hostsOf(uri)) if (!allowed.some((matches) => matches(host))) throw refused(what, host);
}

/** Null for what no one could open either. */
function pathOf(uri: string): string | null {
  try {
    return fileURLToPath(uri);
  } catch {
    return null;
  }
}

const refused = (what: string, where: string) =>
  new OplogError("BAD_INPUT", `The ${what} may not be at ${where}`, {
    hint: "The server's configuration lists the hosts and folders that may be used.",
  });

/** Where an `s3:` store is when it names no endpoint. */
const AWS_HOST = "s3.amazonaws.com";

/** The hosts of a MongoDB URI, which may name several: between the credentials and the path. Of an `s3:` URI the endpoint: there stands the bucket. */
function hostsOf(uri: string): string[] {
  if (/^s3:/i.test(uri)) {
    const endpoints = URL.canParse(uri) ? new URL(uri).searchParams.getAll("endpoint") : ["an address that can't be read"];
    const hostOf = (endpoint: string) => (URL.canParse(endpoint) ? new URL(endpoint).host.toLowerCase() : endpoint);
    return endpoints.length > 0 ? endpoints.map(hostOf) : [AWS_HOST];
  }
  const authority = /^[a-z0-9+]+:\/\/([^/?]*)/i.exec(uri)?.[1] ?? "";
  return authority
    .slice(authority.lastIndexOf("@") + 1)
    .toLowerCase()
    .split(",");
}

function matcher(pattern: string): (host: string) => boolean {
  const wanted = pattern.toLowerCase();
  return (host) => {
    const bare = /:\d+$/.test(wanted) ? host : host.replace(/:\d+$/, "");
    return wanted.startsWith("*.") ? bare.endsWith(wanted.slice(1)) : bare === wanted;
  };
}
