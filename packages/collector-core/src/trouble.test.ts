import { describe, expect, test } from "vitest";
import { OplogError } from "./errors.js";
import { backoffMs, DEFAULT_RETRY } from "./retry.js";
import { StallWatch } from "./stall.js";
import { samplePosition } from "./stores/sample-segment.js";
import { Troubles } from "./trouble.js";
import { unlessAborted } from "./unless-aborted.js";

const never = new AbortController().signal;

function troublesOf(maxRetries = Number.POSITIVE_INFINITY) {
  const slept: number[] = [];
  const shown: (string | null)[] = [];
  const clock = { now: () => 0, random: () => 0, sleep: async (ms: number) => void slept.push(ms) };
  const troubles: Troubles = new Troubles({ maxRetries, baseMs: 100, capMs: 400 }, clock, () =>
    shown.push(troubles.current?.message ?? null),
  );
  return { troubles, slept, shown };
}

describe("pauses between tries", () => {
  test("double from the base up to the cap", () => {
    expect([1, 2, 3, 4, 60].map((attempt) => backoffMs({ ...DEFAULT_RETRY, baseMs: 100, capMs: 400 }, attempt, 0))).toEqual([
      100, 200, 400, 400, 400,
    ]);
  });

  test("are shortened by up to half, so that many collectors do not come back at once", () => {
    expect([0, 0.5, 1].map((random) => backoffMs({ ...DEFAULT_RETRY, baseMs: 100, capMs: 400 }, 1, random))).toEqual([100, 75, 50]);
  });
});

describe("troubles", () => {
  test("say why while it is tried again, and nothing once it works", async () => {
    const { troubles, shown, slept } = troublesOf();
    const answers = [new Error("first"), new Error("second"), "done"];
    const act = async () => {
      const answer = answers.shift();
      if (answer instanceof Error) throw answer;
      return answer;
    };
    expect(await troubles.trying("store", never, act, () => false)).toBe("done");
    expect(shown).toEqual(["store: first", "store: second", null]);
    expect(slept).toEqual([100, 200]);
  });

  test("end with what can't be mended", async () => {
    const refused = new OplogError("FENCED", "taken");
    await expect(
      troublesOf().troubles.trying(
        "store",
        never,
        () => Promise.reject(refused),
        () => true,
      ),
    ).rejects.toBe(refused);
  });

  test("end after as many tries as are allowed in a row, and a success begins to count anew", async () => {
    const { troubles } = troublesOf(2);
    await troubles.failed("source", new Error("away"), never);
    troubles.over("source");
    await troubles.failed("source", new Error("away"), never);
    await troubles.failed("source", new Error("away"), never);
    await expect(troubles.failed("source", new Error("away"), never)).rejects.toMatchObject({ code: "UNREACHABLE" });
  });

  test("of a store that takes checkpoints and no segments are not over with each checkpoint", async () => {
    const { troubles } = troublesOf(1);
    await troubles.failed("store", new Error("no space"), never);
    troubles.over("checkpoint");
    expect(troubles.current?.message).toBe("store: no space");
    await expect(troubles.failed("store", new Error("no space"), never)).rejects.toMatchObject({ code: "UNREACHABLE" });
  });

  test("do not pause before the first repetition when it is to be at once", async () => {
    const { troubles, slept } = troublesOf();
    for (let i = 0; i < 2; i++) await troubles.failed("source", new Error("away"), never, { atOnce: true });
    expect(slept).toEqual([200]);
  });

  test("are given up as soon as it is stopped, though the call does not answer", async () => {
    const stop = new AbortController();
    const trying = troublesOf().troubles.trying(
      "source",
      stop.signal,
      () => new Promise(() => {}),
      () => false,
    );
    stop.abort();
    expect(await trying).toBeUndefined();
  });
});

describe("a call that is abandoned", () => {
  test("comes to nothing at once, and how it then fails is nobody's business", async () => {
    const stop = new AbortController();
    let fail: (error: Error) => void = () => {};
    const call = unlessAborted(new Promise<number>((_, reject) => (fail = reject)), stop.signal);
    stop.abort();
    expect(await call).toBeUndefined();
    fail(new Error("too late")); // unhandled, it would end the process
    expect(await unlessAborted(Promise.reject(new Error("too late")), stop.signal)).toBeUndefined();
  });

  test("is the call itself when nothing aborts", async () => {
    expect(await unlessAborted(Promise.resolve(7), never)).toBe(7);
    await expect(unlessAborted(Promise.reject(new Error("no")), never)).rejects.toThrow("no");
  });
});

describe("a stream is opened again", () => {
  /** Looks, one each 5 s, at positions while the source goes on by a second each second from `ahead`; tells at which second of ours it was. */
  function openedAgainAt(positionAt: (second: number) => number, { ahead = 1_000, until = 600 } = {}): number[] {
    const watch = new StallWatch();
    const times: number[] = [];
    for (let second = 0; second <= until; second += 5) {
      const newest = samplePosition(ahead + second).clusterTime;
      if (watch.look({ newest, position: samplePosition(positionAt(second)).clusterTime, at: second * 1_000 })) times.push(second);
    }
    return times;
  }

  test("when it has not moved for a minute; and later each time, so that one that only takes long comes to its end", () => {
    expect(openedAgainAt(() => 0)).toEqual([60, 180, 420]);
  });

  test("not while it moves, however far behind it is", () => {
    expect(openedAgainAt((second) => Math.floor(second / 10))).toEqual([]);
  });

  test("not when it is where the source is", () => {
    expect(openedAgainAt((second) => 1_000 + second - 30)).toEqual([]);
  });

  test("soon again when it stops after it had moved", () => {
    expect(openedAgainAt((second) => (second < 250 ? 0 : 1))).toEqual([60, 180, 310, 430]);
  });
});
