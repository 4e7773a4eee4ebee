import type { SegmentLimits } from "../open-segment.js";
import type { HistoryShape } from "./history.js";
import { Random } from "./random.js";

/** From, to, in milliseconds. */
export type Period = readonly [number, number];

/** How often, of all calls, each thing happens to a call of the store. */
export interface StoreFaults {
  /** The store answers with an error and has done nothing. */
  refused: number;
  /** The request never arrives. */
  requestLost: number;
  /** It is done, and the caller gets an error. */
  answerLost: number;
  /** The caller gets an error; it is done later. */
  doneLater: number;
  /** Nothing for as long as the socket's timeout; done, or not. */
  hangs: number;
  /** Takes seconds. */
  slow: number;
}

/** How often, of all calls, each thing happens to a call of the source. */
export interface SourceFaults {
  network: number;
  /** Codes and labels by which a server says that the stream can be resumed. */
  resumable: number;
  /** Codes without a label: 43, 136, 237, 260, 11601. */
  unlabelled: number;
  /** "History lost", and it is not. */
  spuriousLoss: number;
  /** What trying again does not mend, until the operator has. */
  fatal: number;
  hangs: number;
  slow: number;
  /** The stream stays open and never shows anything again. */
  stalls: number;
  /** The server closes the cursor. */
  ends: number;
  /** Another deployment answers behind the URI. */
  otherDeployment: number;
}

/** How many times, in the whole run, each thing happens to a collector's process. */
export interface ProcessFaults {
  /** kill -9 at any moment. */
  kills: number;
  /** kill -9 at a call: before it is sent, or once it is done and not answered. */
  killsAtCall: number;
  /** SIGSTOP, and another one is started meanwhile. */
  freezes: number;
  /** Its store does not answer it, but answers others. */
  partitions: number;
  /** SIGTERM. */
  stops: number;
  /** A second collector beside it. */
  twins: number;
}

/** One run, all of it decided by the seed. */
export interface Scenario {
  seed: number;
  history: HistoryShape;
  /** The oplog holds this much; null: all. */
  retentionMs: number | null;
  /** Which of the events' tokens the stream's pipeline does not know when it is reopened (280): each so many-th. 0: it knows all. */
  unknownTokens: number;
  start: "now" | "oldest" | "time";
  acceptGap: boolean;
  limits: SegmentLimits;
  replyEvents: number;
  maxRetries: number;
  takeOver: boolean;
  /** The last collector is not stopped, but ends when it has caught up. */
  exitWhenCaughtUp: boolean;
  clockSkewMs: number[];
  store: StoreFaults;
  storeDown: Period[];
  /** Segments are refused, checkpoints are not. */
  diskFull: Period[];
  source: SourceFaults;
  sourceDown: Period[];
  process: ProcessFaults;
  /** From here on nothing goes wrong any more. */
  calmFrom: number;
}

/** When every run begins: any moment, but the same one. */
export const RUN_START = Date.UTC(2026, 0, 1);

/** A fault that a scenario has at all happens between once in 200 and once in 6 calls. */
const RAREST = 1 / 200;
const MOST_FREQUENT = 1 / 6;

/**
 * Not every fault in every run: with all of them at once few runs would get far, and what two faults do together is seen best when others are
 * absent.
 */
export function scenarioOf(seed: number): Scenario {
  const random = new Random(seed);
  const rate = (share = 0.3): number => (random.chance(share) ? RAREST * (MOST_FREQUENT / RAREST) ** random.next() : 0);
  const times = (share: number, most: number): number => (random.chance(share) ? random.between(1, most) : 0);
  const lasting = 3_000 * 30 ** random.next();
  const to = RUN_START + lasting;
  const calmFrom = to + (random.chance(0.5) ? 0 : random.between(0, 15_000));
  const periods = (share: number): Period[] =>
    Array.from({ length: times(share, 2) }, () => {
      const start = RUN_START + random.next() * (calmFrom - RUN_START);
      return [start, Math.min(calmFrom, start + 500 * 100 ** random.next())] as const;
    });
  return {
    seed,
    history: {
      from: RUN_START,
      to,
      events: random.between(0, random.chance(0.2) ? 120 : 40),
      sharded: random.chance(0.3),
      split: random.chance(0.3),
      invalidates: random.chance(0.2),
    },
    retentionMs: random.chance(0.15) ? 2_000 * 20 ** random.next() : null,
    unknownTokens: random.chance(0.2) ? random.between(1, 4) : 0,
    start: random.pick(["now", "oldest", "time"]),
    acceptGap: random.chance(0.5),
    limits: {
      events: random.chance(0.5) ? random.between(1, 4) : random.between(5, 20),
      bytes: random.chance(0.8) ? 1_000_000 : random.between(200, 3000),
      ageMs: random.between(20, 3000),
    },
    replyEvents: random.chance(0.5) ? random.between(1, 5) : random.between(6, 50),
    maxRetries: random.chance(0.2) ? random.between(0, 8) : Number.POSITIVE_INFINITY,
    takeOver: random.chance(0.3),
    exitWhenCaughtUp: random.chance(0.3),
    clockSkewMs: Array.from({ length: 3 }, () => (random.chance(0.7) ? 0 : random.between(-120_000, 120_000))),
    store: { refused: rate(), requestLost: rate(), answerLost: rate(), doneLater: rate(), hangs: rate(0.15), slow: rate() },
    storeDown: periods(0.15),
    diskFull: periods(0.15),
    source: {
      network: rate(),
      resumable: rate(),
      unlabelled: rate(),
      spuriousLoss: rate(0.06),
      fatal: rate(0.06),
      hangs: rate(0.15),
      slow: rate(),
      stalls: rate(0.15) / 2,
      ends: rate(0.15),
      otherDeployment: rate(0.04),
    },
    sourceDown: periods(0.15),
    process: {
      kills: times(0.35, 4),
      killsAtCall: times(0.35, 4),
      freezes: times(0.2, 2),
      partitions: times(0.15, 2),
      stops: times(0.25, 2),
      twins: times(0.25, 2),
    },
    calmFrom,
  };
}

/** What happens to one call. */
export function drawFault<Fault extends string>(rates: Record<Fault, number>, random: Random): Fault | "ok" {
  let chance = random.next();
  for (const fault in rates) {
    chance -= rates[fault];
    if (chance < 0) return fault;
  }
  return "ok";
}
