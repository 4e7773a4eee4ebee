import { readFileSync } from "node:fs";
import { OplogError } from "./errors.js";

/**
 * A URI may be given as `env:NAME` or `file-ref:PATH`, so that its password stands in no command line, no configuration and no database.
 * Returns the URI; throws `BAD_INPUT`, in which the value never appears.
 */
export function resolveUri(reference: string): string {
  const [, kind, target] = /^(env|file-ref):(.*)$/s.exec(reference.trim()) ?? [];
  if (kind === undefined || target === undefined) return reference.trim();
  const uri = kind === "env" ? fromEnvironment(target) : fromFile(target);
  if (/\s/.test(uri))
    throw new OplogError("BAD_INPUT", `What ${reference.trim()} refers to has white space in it, so it is no URI`, {
      hint: 'Write the URI alone, without quotes; a space in a password is written "%20".',
    });
  return uri;
}

function fromEnvironment(name: string): string {
  const value = process.env[name]?.trim();
  if (!value)
    throw new OplogError("BAD_INPUT", `The environment variable ${JSON.stringify(name)} is ${value === undefined ? "not set" : "empty"}`, {
      hint: "Set it to the URI, in the environment of the process that opens it.",
    });
  return value;
}

function fromFile(path: string): string {
  let value: string;
  try {
    value = readFileSync(path, "utf8").trim();
  } catch (error) {
    throw new OplogError("BAD_INPUT", `The file ${JSON.stringify(path)}, which should hold a URI, can't be read`, {
      cause: error,
      hint: "file-ref: takes the path of a file that this process may read.",
    });
  }
  if (!value)
    throw new OplogError("BAD_INPUT", `The file ${JSON.stringify(path)}, which should hold a URI, is empty`, {
      hint: "Write the URI into it, alone.",
    });
  return value;
}
