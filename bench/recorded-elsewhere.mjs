/**
 * What others reached: recorded once, not measured in this run. The same kind of machine (2 cores) and workload (500,000 backlog events, 60 %
 * inserts, 40 % updates, about 480 B as oplog entries and 536 B as change events), mongod 6.0.5, a durable store; most are single runs on a
 * busy machine. So they tell the order of magnitude; a comparison that is to hold needs both in one run.
 */

const RECORDED = "recorded elsewhere";

/** Columns as in capture-drain.mjs; CPU seconds were recorded for 500,000 events. @type {Record<'change-stream' | 'oplog', string[][]>} */
export const DRAIN_ELSEWHERE = {
  "change-stream": [
    [`${RECORDED}: the first collector (Python)`, "2610", "0.17", "69", "–", "176", "175"],
    [`${RECORDED}: mongochangestream 0.64`, "3669", "–", "84", "–", "1032", "194"],
    [`${RECORDED}: Debezium 3.6`, "5800–9600", "0.27–0.30", "114–168", "–", "870", "140–654"],
    [`${RECORDED}: MongoShake → file`, "35700", "–", "40–152", "–", "565–1516", "–"],
  ],
  oplog: [
    [`${RECORDED}: Percona Backup 2.15`, "132000–250000", "–", "1.5", "–", "139", "62.6"],
    [`${RECORDED}: MongoShake → file`, "24400", "–", "40–152", "–", "565–1516", "–"],
    [`${RECORDED}: mongodump of the oplog`, "256000", "–", "2.7", "–", "98", "–"],
    [`${RECORDED}: wal-g oplog-push (events of 63 B)`, "101000", "–", "–", "–", "247", "–"],
  ],
};

/** Columns as in live-lag.mjs. */
export const LIVE_ELSEWHERE = [
  [`${RECORDED}: the first collector (Python)`, "371", "1053", "1357"],
  [`${RECORDED}: mongochangestream 0.64`, "527", "2216", "30843"],
  [`${RECORDED}: Debezium 3.6`, "705", "3300", "3700"],
  [`${RECORDED}: Percona Backup 2.15 (slices of 3 s)`, "1650", "6300", "6800"],
];

/** One applyOps at a time, each awaited by the majority. */
export const PBM_APPLY_PER_SECOND = 353;

/** Columns as in apply.mjs. */
export const APPLY_ELSEWHERE = [
  [`${RECORDED}: mongorestore --oplogReplay`, "1203–2126", "–", "–", "–"],
  [`${RECORDED}: Percona Backup 2.15`, `${PBM_APPLY_PER_SECOND}`, "–", "–", "–"],
  [`${RECORDED}: wal-g oplog-replay`, "220–2367", "–", "–", "–"],
];
