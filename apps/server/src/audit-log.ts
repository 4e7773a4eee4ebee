import type { Audit } from "@oplog-collector/http-adapter";
import type { Db } from "mongodb";
import type { Logger } from "pino";

/** Who changed what is kept this long. */
const KEPT_SECONDS = 400 * 24 * 3600;

/** Each change that someone asked for: in `audit_log` of the metadata database, and in the server's log. */
export async function openAuditLog(db: Db, logger: Logger): Promise<Audit> {
  const entries = db.collection("audit_log");
  await entries.createIndex({ at: 1 }, { expireAfterSeconds: KEPT_SECONDS });
  return async (entry) => {
    logger.info({ audit: entry }, "a change was asked for");
    await entries.insertOne({ ...entry });
  };
}
