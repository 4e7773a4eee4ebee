import { OplogError } from "./errors.js";
import type { StoreLocation } from "./store.js";

/** What is captured, and the server processes that answer for it. */
export interface CapturedScope {
  processIds: readonly string[];
  /** Null: the whole deployment. */
  database: string | null;
}

/** Refuses a store that lies inside what is captured: each stored segment would be an event to store, for ever. */
export function checkNoSelfCapture(captured: CapturedScope, store: NonNullable<StoreLocation["deployment"]>): void {
  if (!captured.processIds.some((id) => store.processIds.includes(id))) return;
  if (captured.database !== null && captured.database !== store.database) return;
  const scope = captured.database === null ? "of which everything is captured" : `in the database ${captured.database}, which is captured`;
  throw new OplogError("SOURCE_UNSUITABLE", `The store is on the source's own deployment, ${scope}: the log would record itself for ever`, {
    hint: "Put the store on another deployment or into files, or capture one other database of this deployment (--database).",
  });
}
