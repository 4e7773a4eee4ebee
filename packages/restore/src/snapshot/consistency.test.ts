import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isSound, judgeSnapshot, restorableFrom, type SnapshotState } from "./consistency.js";
import type { DdlEvent } from "./ddl-events.js";
import { startTimes } from "./replay-rules.js";
import type { SnapshotCollection } from "./snapshot-collection.js";

const NOTHING = Buffer.from([5, 0, 0, 0, 0]);

const collection = (uuid: string, namespace: string, readAt: bigint, more: Partial<SnapshotCollection> = {}): SnapshotCollection => ({
  namespace,
  uuid,
  options: NOTHING,
  idIndex: null,
  indexes: [],
  catalogueAfter: readAt,
  readTo: readAt,
  capped: false,
  views: [],
  parts: [{ part: 1, readAt, upTo: null, documents: 0, bytes: 0 }],
  complete: true,
  ...more,
});

const stateOf = (collections: SnapshotCollection[], more: Partial<SnapshotState> = {}): SnapshotState => ({
  takenFrom: 10n,
  collections: new Map(collections.map((one) => [one.uuid, one])),
  databases: new Map([["db", 10n]]),
  listedAfter: new Map([["db", 10n]]),
  skipped: new Map(),
  ...more,
});

const event = (
  time: bigint,
  operation: DdlEvent["operation"],
  namespace: string,
  uuid: string | null,
  more: Partial<DdlEvent> = {},
): DdlEvent => ({
  time,
  operation,
  database: "db",
  namespace,
  uuid,
  ...more,
});

describe("what must be read again", () => {
  test("nothing, while nothing happens to collections", () => {
    expect(isSound(judgeSnapshot(stateOf([collection("u", "db.a", 20n)]), []))).toBe(true);
  });

  test("a collection whose indexes changed between their reading and the time of its documents", () => {
    const state = stateOf([collection("u", "db.a", 20n, { catalogueAfter: 15n })]);
    expect([...judgeSnapshot(state, [event(18n, "other", "db.a", "u")]).redo.keys()]).toEqual(["u"]);
    expect(isSound(judgeSnapshot(state, [event(21n, "other", "db.a", "u")]))).toBe(true);
  });

  test("a collection that was renamed while its documents were read: they may have read as none", () => {
    const state = stateOf([collection("u", "db.a", 20n, { readTo: 30n })]);
    expect(judgeSnapshot(state, [event(25n, "rename", "db.a", "u", { to: "db.b" })]).redo.has("u")).toBe(true);
    expect(isSound(judgeSnapshot(state, [event(31n, "rename", "db.a", "u", { to: "db.b" })]))).toBe(true);
  });

  test("not one that was dropped meanwhile: its events are left out until then", () => {
    const state = stateOf([collection("u", "db.a", 20n, { readTo: 30n })]);
    expect(judgeSnapshot(state, [event(25n, "drop", "db.a", "u")]).drop).toEqual(new Map([["u", 25n]]));
  });

  test("not one that was dropped before it could be listed", () => {
    expect(judgeSnapshot(stateOf([]), [event(12n, "drop", "db.a", "gone")]).drop).toEqual(new Map([["gone", 12n]]));
  });

  test("a collection that the copy of a rename's target would stand in the way of", () => {
    // Renamed onto the target before it was read; the target was read before that.
    const state = stateOf([collection("source", "db.b", 30n), collection("target", "db.b", 20n)]);
    const rename = event(25n, "rename", "db.a", "source", { to: "db.b", dropTarget: "target" });
    expect(judgeSnapshot(state, [rename]).drop).toEqual(new Map([["target", 25n]]));
  });

  test("the list of views, when a dropDatabase would take away what was read after it", () => {
    const state = stateOf([collection("u", "db.a", 30n)]);
    expect([...judgeSnapshot(state, [event(25n, "dropDatabase", "db", null)]).redoDatabases]).toEqual(["db"]);
  });
});

/** A server's collections in names only: what DDL makes of them, and the events that a log would hold. */
class Names {
  time = 10n;
  readonly events: DdlEvent[] = [];
  readonly holders = new Map<string, string>();
  private made = 0;

  step(kind: number, from: string, to: string): void {
    const uuid = this.holders.get(from);
    this.time++;
    if (kind === 0 && !uuid) {
      this.holders.set(from, `u${++this.made}`);
      this.events.push(event(this.time, "create", from, `u${this.made}`));
    } else if (kind === 1 && uuid) {
      this.holders.delete(from);
      this.events.push(event(this.time, "drop", from, uuid));
    } else if (kind === 2 && uuid && from !== to) {
      const dropTarget = this.holders.get(to);
      this.holders.delete(from);
      this.holders.set(to, uuid);
      this.events.push(event(this.time, "rename", from, uuid, { to, ...(dropTarget && { dropTarget }) }));
    } else if (kind === 3 && uuid) this.events.push(event(this.time, "other", from, uuid));
    else if (kind === 4) {
      for (const [name, dropped] of this.holders) this.events.push(event(this.time++, "drop", name, dropped));
      this.holders.clear();
      this.events.push(event(this.time, "dropDatabase", "db", null));
    }
  }

  nameOf = (uuid: string): string | undefined => [...this.holders].find(([, holder]) => holder === uuid)?.[0];
}

type Step = [kind: number, from: number, to: number];

const steps = fc.array(fc.tuple(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 3 })), {
  maxLength: 12,
}) as fc.Arbitrary<Step[]>;

test("whatever DDL runs between the reads, what is judged sound replays to the names that the server has", () => {
  fc.assert(
    fc.property(steps, fc.array(steps, { minLength: 12, maxLength: 12 }), (before, between) => {
      const names = new Names();
      const run = (some: Step[] = []) => {
        for (const [kind, from, to] of some) names.step(kind, `db.${"abcd"[from]}`, `db.${"abcd"[to]}`);
      };
      run(before);
      const state = takeInNames(names, between, run);
      expect(replayed(state, names)).toEqual(names.holders);
    }),
    { numRuns: 3_000 },
  );
});

/** What taking a snapshot does, with DDL running between any two of its steps until there is no more of it. */
function takeInNames(names: Names, between: Step[][], run: (some?: Step[]) => void): SnapshotState {
  const pauses = between[Symbol.iterator]();
  const pause = () => run(pauses.next().value as Step[] | undefined);
  const state = stateOf([], { takenFrom: names.time, databases: new Map(), listedAfter: new Map() });
  const list = () => {
    state.listedAfter.set("db", names.time);
    state.databases.set("db", names.time);
  };
  const read = (uuid: string) => {
    state.collections.delete(uuid);
    const catalogueAfter = names.time;
    const namespace = names.nameOf(uuid);
    if (namespace) state.collections.set(uuid, collection(uuid, namespace, names.time, { catalogueAfter }));
    pause();
    const found = state.collections.get(uuid);
    if (found) found.readTo = names.time;
  };
  list();
  const listed = [...names.holders.values()];
  pause();
  for (const uuid of listed) read(uuid);
  for (let round = 0; round < 50; round++) {
    const seen = names.events.filter(({ time }) => time > state.takenFrom);
    const verdict = judgeSnapshot(state, seen);
    if (isSound(verdict)) {
      run(between.flat());
      return state;
    }
    for (const [uuid, time] of verdict.drop) {
      state.collections.delete(uuid);
      state.skipped.set(uuid, time);
    }
    if (verdict.redoDatabases.size > 0) list();
    for (const uuid of verdict.redo.keys()) read(uuid);
  }
  throw new Error("it does not come to an end");
}

/** Loads the collections under the names they were read with and applies the log; throws where a server would refuse. */
function replayed(state: SnapshotState, names: Names): Map<string, string> {
  const target = new Map<string, string>();
  for (const { namespace, uuid } of state.collections.values()) {
    if (target.has(namespace)) throw new Error(`two collections are loaded as ${namespace}`);
    target.set(namespace, uuid);
  }
  const startTime = startTimes(state, state.collections.values());
  for (const { time, operation, namespace, uuid, to } of names.events) {
    if (time <= startTime(uuid, "db")) continue;
    if (operation === "dropDatabase") target.clear();
    else if (operation === "create") {
      if (target.has(namespace)) throw new Error(`${namespace} exists at ${time}`);
      target.set(namespace, uuid!);
    } else if (target.get(namespace) !== uuid) throw new Error(`${namespace} is ${target.get(namespace)}, not ${uuid}, at ${time}`);
    if (operation === "drop" || operation === "rename") target.delete(namespace);
    if (operation === "rename") target.set(to!, uuid!);
  }
  expect(restorableFrom(state)).toBeLessThanOrEqual(names.time);
  return target;
}
