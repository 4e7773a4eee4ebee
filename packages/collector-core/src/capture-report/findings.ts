import type { CaptureFinding, CaptureWay, Carried } from "./capture-report.js";
import type { Holdings, Listed } from "./holdings.js";

type ChangeStreamWay = Extract<CaptureWay, { capture: "change-stream" }>;
type Find = (way: CaptureWay, holdings: Holdings) => CaptureFinding | null;
type Named = Pick<CaptureFinding, "kind" | "what">;
type Judged = Pick<CaptureFinding, "carried"> &
  Partial<Pick<CaptureFinding, "why" | "whatToDo">> & { byDesign?: boolean; partly?: boolean };

function finding(named: Named, { names, count }: { names: string[]; count: number | null }, judged: Judged): CaptureFinding {
  const { carried, why = null, whatToDo = null, byDesign = false, partly = false } = judged;
  const missing = partly || (!byDesign && (carried === "not" || carried === "in base snapshots only"));
  return { ...named, namespaces: names, count, carried, missing, why, whatToDo };
}

/** Of these namespaces; null when there are none. */
const ofThose = (named: Named, those: Listed, judged: Judged): CaptureFinding | null =>
  those.count === 0 ? null : finding(named, those, judged);

/** Of whichever namespace. */
const ofAny = (named: Named, judged: Judged): CaptureFinding => finding(named, { names: [], count: null }, judged);

const EXACTLY: Judged = { carried: "exactly" };

const FREQUENT_SNAPSHOTS = "Take base snapshots as often as you can do without what comes in between.";

/** What brings the raw oplog, which carries it; where that can't be, what makes the loss small. */
function toOplog({ database, sharded, oplogReadable }: ChangeStreamWay): string {
  if (sharded || database !== null) return FREQUENT_SNAPSHOTS;
  return oplogReadable
    ? "Begin a new log with --capture oplog."
    : "Grant the user clusterMonitor, and begin a new log with --capture oplog.";
}

/** What makes what the stream does not show readable. */
const toReadOplog = ({ sharded }: ChangeStreamWay, otherwise: string): string =>
  sharded ? otherwise : "Grant the user clusterMonitor: the collector then reads it from the oplog.";

/** Needs the exact flags of a change stream. */
const throughSystemCollections = (way: CaptureWay, why: string): Judged =>
  way.capture === "oplog" || way.exact ? EXACTLY : { carried: "in base snapshots only", why, whatToDo: toOplog(way) };

const timeSeries: Find = (way, { timeSeries }) =>
  ofThose(
    { kind: "time-series", what: "time series" },
    timeSeries,
    throughSystemCollections(way, "The server does not show the collections in which it keeps their buckets."),
  );

const systemJs: Find = (way, { systemJs }) =>
  ofThose(
    { kind: "system-js", what: "stored functions" },
    systemJs,
    throughSystemCollections(way, "The server does not show its system collections."),
  );

const convertedCollections: Find = (way, { capped }) => {
  const lost = way.capture === "change-stream" && (!way.exact || way.sharded);
  return ofThose(
    {
      kind: "converted-collections",
      what: lost ? "capped collections that convertToCapped or cloneCollectionAsCapped made" : "capped collections",
    },
    capped,
    lost
      ? {
          carried: "in base snapshots only",
          why: "The server does not show the documents that it copies; what is written later is carried, and so is a collection that was created capped.",
          whatToDo: "Take a base snapshot after each conversion.",
        }
      : EXACTLY,
  );
};

const updateDiffs: Find = (way) =>
  way.capture === "oplog" || way.exact
    ? null
    : ofAny(
        { kind: "update-diffs", what: "the exact form of updates" },
        {
          carried: "not",
          why: "The server does not give its update diffs: the order of fields after an update with a pipeline, fields with a dot or a dollar sign in their names, and what is an array's element may come out otherwise.",
          whatToDo: toOplog(way),
        },
      );

const atomicApplyOps: Find = (way) => {
  if (way.capture === "oplog") return null;
  const named: Named = { kind: "atomic-apply-ops", what: "applyOps that a client runs in one atomic batch" };
  if (way.oplogReadable) return ofAny(named, { carried: "by the oplog" });
  return ofAny(named, {
    carried: "not",
    why: "No change stream shows it, so it is missing without a trace. Tools that restore into the source write so.",
    whatToDo: toReadOplog(way, "Take a base snapshot after each restore into the source."),
  });
};

const largeEvents: Find = (way) => {
  if (way.capture === "oplog") return null;
  const what = way.split ? "inserts whose _id has more than about 4 MB" : "events beyond 16 MiB";
  const named: Named = { kind: "large-events", what };
  if (way.oplogReadable)
    return ofAny(named, {
      carried: "by the oplog",
      why: "Behind other events of one transaction the collector stops at one, and says so.",
    });
  return ofAny(named, {
    carried: "not",
    why: "The server can't send one, so the collector stops there, or stores a gap in its place where that is allowed.",
    whatToDo: toReadOplog(way, way.split ? "Keep them smaller." : "Upgrade the source to 6.0.9 or newer."),
  });
};

/** Servers look by themselves. */
const RECORDED = "A server records them every ten minutes; elsewhere run oplog snapshot --users-only after changing them.";

const usersAndRoles: Find = (way, { users }) => {
  if (users === "none") return null;
  const named: Named = { kind: "users-and-roles", what: "users and roles" };
  const those: Listed = { names: ["admin.system.users", "admin.system.roles"], count: 2 };
  if (way.capture === "oplog") return ofThose(named, those, EXACTLY);
  if (way.database !== null)
    return ofThose(named, those, { carried: "not", byDesign: true, why: "They are in admin, and one other database is captured." });
  if (way.oplogReadable) return ofThose(named, those, { carried: "by the oplog" });
  const inSnapshots = users === "readable";
  const carried: Carried = inSnapshots ? "in base snapshots only" : "not";
  const why = `No change stream shows what is written in admin${inSnapshots ? "" : ", and our user may not read them for base snapshots either"}.`;
  return ofThose(named, those, {
    carried,
    why,
    whatToDo: toReadOplog(way, `${inSnapshots ? "" : "Grant the user the role backup. "}${RECORDED}`),
  });
};

const adminCollections: Find = (way, { admin }) => {
  const named: Named = { kind: "admin-collections", what: "collections of yours in admin" };
  if (way.capture === "oplog") return ofThose(named, admin, EXACTLY);
  if (way.oplogReadable)
    return ofThose(named, admin, {
      carried: "by the oplog",
      partly: true,
      why: "Without what transactions write there, of which a change stream shows only the rest.",
      whatToDo: "Begin a new log with --capture oplog, or keep them in a database of their own.",
    });
  return ofThose(named, admin, {
    carried: "in base snapshots only",
    why: "No change stream shows what is written in admin.",
    whatToDo: toReadOplog(way, "Keep them in a database of their own."),
  });
};

const configCollections: Find = (_, { config }) =>
  ofThose({ kind: "config-collections", what: "collections in config" }, config, {
    carried: "not",
    byDesign: true,
    why: "They describe the deployment itself: a restore leaves the target's own as they are.",
  });

const notReplicated: Find = (_, { notReplicated }) =>
  ofThose({ kind: "not-replicated", what: "what each member keeps for itself" }, notReplicated, {
    carried: "not",
    byDesign: true,
    why: "The source does not replicate them.",
  });

const views: Find = (_, { views }) => ofThose({ kind: "views", what: "views" }, views, EXACTLY);

const clustered: Find = (_, { clustered }) =>
  ofThose({ kind: "clustered-collections", what: "clustered collections, with what their TTL deletes" }, clustered, EXACTLY);

/** Everything that is looked for. */
export const FINDINGS: readonly Find[] = [
  timeSeries,
  convertedCollections,
  systemJs,
  usersAndRoles,
  atomicApplyOps,
  updateDiffs,
  largeEvents,
  adminCollections,
  views,
  clustered,
  notReplicated,
  configCollections,
];
