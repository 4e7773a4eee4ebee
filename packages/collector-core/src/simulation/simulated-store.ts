import { OplogError } from "../errors.js";
import type { Checkpoint, Store, StoredHeader } from "../store.js";
import type { Random } from "./random.js";
import { drawFault, type Period, type Scenario } from "./scenario.js";
import type { SimulatedProcess } from "./simulated-process.js";
import type { VirtualTime } from "./virtual-time.js";
import type { Witness } from "./witness.js";

/** As a client's: the socket is given up after it. */
export const SOCKET_TIMEOUT_MS = 30_000;

type Fate = "ok" | keyof Scenario["store"];

/** What one process has in hand of the store: every call goes over a network that delays, loses and doubts. The log behind it is shared. */
export class SimulatedStore implements Store {
  constructor(
    private readonly log: Store,
    private readonly process: SimulatedProcess,
    private readonly scenario: Scenario,
    private readonly time: VirtualTime,
    private readonly random: Random,
    private readonly witness: Witness,
  ) {}

  append: Store["append"] = (segment) =>
    this.call(`append ${segment.number}`, async () => {
      if (within(this.scenario.diskFull, this.time.now)) throw serverError(14031, "OutOfDiskSpace");
      const answer = await this.log.append(segment);
      if (answer === "stored") this.witness.appended(segment, this.process);
      return answer;
    });

  read: Store["read"] = (number) => this.call(`read ${number}`, () => this.log.read(number));

  async *headers(range?: { after?: number; reverse?: boolean }): AsyncGenerator<StoredHeader> {
    yield* await this.call("headers", async () => {
      const headers: StoredHeader[] = [];
      for await (const header of this.log.headers(range)) headers.push(header);
      return headers;
    });
  }

  readCheckpoint: Store["readCheckpoint"] = () => this.call("readCheckpoint", () => this.log.readCheckpoint());

  writeCheckpoint: Store["writeCheckpoint"] = (checkpoint: Checkpoint, options) =>
    this.call(options?.takeOver ? "takeOver" : checkpoint.writer ? "writeCheckpoint" : "release", async () => {
      const answer = await this.log.writeCheckpoint(checkpoint, options);
      if (answer === "stored") this.witness.checkpointed(checkpoint, this.process);
      return answer;
    });

  remove: Store["remove"] = () => Promise.reject(new Error("A collector removes nothing"));

  close = async (): Promise<void> => {};

  /** One request and its answer, each with a delay of its own, and with whatever happens to it on the way. */
  private call<T>(name: string, act: () => Promise<T>): Promise<T> {
    const { process, random, time } = this;
    const kill = process.nextCall();
    if (kill === "before it is sent") process.kill(`killed before ${name} is sent`);
    if (!process.alive) return never();
    const fate = this.fate();
    const there = random.next() * (fate === "slow" ? 4_000 : 10);
    const back = random.next() * (fate === "slow" ? 4_000 : 10);
    if (fate !== "ok" && fate !== "slow") this.witness.note(() => `${process.pid} ${name}: ${fate}`);
    return new Promise((resolve, reject) => {
      const answer = (ms: number, act: () => void) => process.after(ms, act);
      const fail = (ms: number, error: unknown) => answer(ms, () => reject(error));
      const arrive = (ms: number, then: (result: T) => void, failed: (error: unknown) => void) =>
        time.after(ms, () => {
          // What a process has sent before it was killed arrives, or does not.
          if (!process.alive && random.chance(0.5)) return;
          void act().then(then, failed);
        });
      switch (fate) {
        case "refused":
          return fail(
            there + back,
            random.pick([serverError(189, "PrimarySteppedDown"), new OplogError("STORE_FAILED", "no space left on device")]),
          );
        case "requestLost":
          return fail(random.next() * 5_000, networkError());
        case "answerLost":
          return arrive(
            there,
            () => fail(back, networkError()),
            (error) => fail(back, error),
          );
        case "doneLater":
          fail(there + back, networkError());
          return arrive(random.next() * 20_000, nothing, nothing);
        case "hangs":
          fail(SOCKET_TIMEOUT_MS, networkError());
          if (random.chance(0.5)) arrive(random.next() * 2 * SOCKET_TIMEOUT_MS, nothing, nothing);
          return;
        default:
          return arrive(
            there,
            (result) => {
              if (kill) process.kill(`killed when ${name} is done and not answered`);
              answer(back, () => resolve(result));
            },
            (error) => fail(back, error),
          );
      }
    });
  }

  private fate(): Fate {
    const { scenario, time, process, random } = this;
    const { now } = time;
    if (now < process.partitionedUntil || within(scenario.storeDown, now)) return random.chance(0.1) ? "hangs" : "requestLost";
    return now < scenario.calmFrom ? drawFault(scenario.store, random) : "ok";
  }
}

const nothing = (): void => {};

/** What a dead process waits for: a new promise each time, so that what waits can be let go. */
export const never = (): Promise<never> => new Promise(nothing);

export const within = (periods: readonly Period[], now: number): boolean => periods.some(([from, to]) => from <= now && now < to);

export const networkError = (): Error => Object.assign(new Error("connection 7 to 127.0.0.1:27018 closed"), { name: "MongoNetworkError" });

export const serverError = (code: number, codeName: string, errorLabels: string[] = []): Error =>
  Object.assign(new Error(codeName), { name: "MongoServerError", code, codeName, errorLabels });
