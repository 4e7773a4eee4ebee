import type { MongoClient } from "mongodb";
import { type CaptureReport, type CaptureWay, reportCapture } from "./capture-report.js";
import { readHoldings } from "./read-holdings.js";

/** Looks at what the deployment holds, and judges what of it is carried; throws what a connection throws. */
export async function examineCapture(client: MongoClient, way: CaptureWay): Promise<CaptureReport> {
  const scope =
    way.capture === "oplog"
      ? { database: null, monitors: true, asksForUsers: false }
      : { database: way.database, monitors: way.oplogReadable, asksForUsers: !way.oplogReadable };
  return reportCapture(way, await readHoldings(client, scope), new Date());
}
