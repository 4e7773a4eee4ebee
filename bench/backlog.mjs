/** The backlog of a run: written once, read by every figure that drains it. */
import { runChild } from "./child.mjs";
import { writeBacklog } from "./workload.mjs";

/** @typedef {import('./run.mjs').Bench} Bench */
/** @typedef {import('./servers.mjs').Server} Server */
/** @typedef {{ source: Server, from: string, to: string, sent: Record<Capture, Stream> }} Backlog */
/** @typedef {'change-stream' | 'oplog'} Capture */
/** @typedef {{ events: number, bytes: number }} Stream what the server sends for it, all told */
/** @typedef {{ events: number, bytes: number, seconds: number, cpuSeconds: number, peakMB: number }} Drained */

/** @type {Map<number, Promise<Backlog>>} */
const written = new Map();

/** Written once a size. @param {Bench} bench @param {number} [events] */
export function backlogOf({ servers, events: usual, log }, events = usual) {
  let backlog = written.get(events);
  if (!backlog) {
    backlog = servers.source(`source-${events}`).then((source) => writtenTo(source, events, log));
    written.set(events, backlog);
  }
  return backlog;
}

/** @param {Server} source @param {number} events @param {(line: string) => void} log @returns {Promise<Backlog>} */
export async function writtenTo(source, events, log) {
  log(`Writing a backlog of ${events} events …`);
  const { from, to } = await writeBacklog(source.client, events, log);
  const range = { from: String(from), to: String(to) };
  // Counted once, which also brings all of it into the server's memory before anything is timed.
  const sent = {
    "change-stream": await drainCeiling(source, { ...range, capture: "change-stream", count: true }),
    oplog: await drainCeiling(source, { ...range, capture: "oplog", count: true }),
  };
  log(`  as change events ${perEvent(sent["change-stream"])}, as oplog entries ${perEvent(sent.oplog)}`);
  return { source, ...range, sent };
}

/**
 * @param {Server} source
 * @param {{ from: string, to: string, capture: Capture, count?: boolean }} task @returns {Promise<Drained>}
 */
export function drainCeiling(source, task) {
  return runChild("ceiling-process.mjs", { uri: source.uri, count: false, ...task });
}

/** @param {Stream} stream */
const perEvent = ({ events, bytes }) => `${events} of ${Math.round(bytes / events)} B`;

/** @typedef {Drained & { storedBytes: number }} Captured */

/**
 * Captures the whole backlog into a log of that name; throws unless the log holds exactly what the source sent.
 * @param {Backlog} backlog @param {{ store: string, name: string, capture?: Capture, execArgv?: string[] }} task @returns {Promise<Captured>}
 */
export async function captureBacklog({ source, from, sent }, { store, name, capture = "change-stream", execArgv = [] }) {
  const expected = sent[capture];
  /** @type {Captured} */
  const captured = await runChild(
    "capture-process.mjs",
    { uri: source.uri, store, name, capture, from, events: expected.events },
    { execArgv },
  );
  if (captured.events !== expected.events || captured.bytes !== expected.bytes)
    throw new Error(
      `the log holds ${captured.events} events of ${captured.bytes} bytes; the source sent ${expected.events} of ${expected.bytes}`,
    );
  return captured;
}
