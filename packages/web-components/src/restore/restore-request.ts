import type { RestoreRequest } from "../api/answers.js";

/** What the wizard's form holds. */
export interface RestoreForm {
  target: string;
  ns: string;
  excludeNs: string;
  rename: string;
  lanes: string;
  force: boolean;
  resume: boolean;
}

export const EMPTY_RESTORE: RestoreForm = { target: "", ns: "", excludeNs: "", rename: "", lanes: "", force: false, resume: false };

const listOf = (typed: string): string[] =>
  typed
    .split(/[\n,]/)
    .map((item) => item.trim())
    .filter(Boolean);

export function requestOf(to: string, { target, ns, excludeNs, rename, lanes, force, resume }: RestoreForm): RestoreRequest {
  const [wanted, excluded, renames] = [listOf(ns), listOf(excludeNs), listOf(rename)];
  return {
    to,
    target: target.trim(),
    ...(wanted.length > 0 && { ns: wanted }),
    ...(excluded.length > 0 && { excludeNs: excluded }),
    ...(renames.length > 0 && { rename: renames }),
    ...(lanes.trim() !== "" && { lanes: Number(lanes) }),
    ...(force && { force }),
    ...(resume && { resume }),
  };
}
