import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, truncate, utimes, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "tsup";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { hashSegment } from "../segment.js";
import { assertStored, collect } from "./conformance-segments.js";
import { errorCode } from "./durable-file.js";
import { fileStoreLocation } from "./file-store.js";
import { sampleCheckpoint, sampleSegment } from "./sample-segment.js";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "oplog-file-store-"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const open = () => fileStoreLocation(directory).log("orders");
const allFiles = async () =>
  (await readdir(directory, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map(({ name, parentPath }) => join(parentPath, name));
const pathOf = (number: number) =>
  join(directory, "orders/segments", `${Math.floor(number / 10_000)}`.padStart(6, "0"), `${`${number}`.padStart(10, "0")}.segment`);

test("lies where the documentation says, ten thousand to a folder", async () => {
  const log = await open();
  for (const number of [1, 9_999, 10_000, 12_345_678_901]) await log.append(sampleSegment({ number }));
  await (await fileStoreLocation(directory).log("orders@s1")).append(sampleSegment({ number: 1 }));
  expect((await allFiles()).map((path) => path.slice(directory.length + 1)).sort()).toEqual([
    "orders/segments/000000/0000000001.segment",
    "orders/segments/000000/0000009999.segment",
    "orders/segments/000001/0000010000.segment",
    "orders/segments/1234567/12345678901.segment",
    "orders/snapshots/s1/segments/000000/0000000001.segment",
  ]);
  const numbers = async (range?: { after?: number; reverse?: boolean }) => (await collect(log.headers(range))).map(({ number }) => number);
  expect(await numbers()).toEqual([1, 9_999, 10_000, 12_345_678_901]);
  expect(await numbers({ after: 9_999, reverse: true })).toEqual([12_345_678_901, 10_000]);
  await log.remove(10_000);
  expect(await readdir(join(directory, "orders/segments"))).toEqual(["1234567"]);
});

test("makes nothing before the first write, and leaves nothing behind when all is removed", async () => {
  const location = fileStoreLocation(join(directory, "not/yet"));
  const [log, snapshot] = [await location.log("orders"), await location.log("orders@s1")];
  expect([await log.read(1), await log.readCheckpoint(), await collect(log.headers()), await location.names()]).toEqual([
    null,
    null,
    [],
    [],
  ]);
  expect(await readdir(directory)).toEqual([]);
  for (const store of [log, snapshot]) {
    await store.append(sampleSegment({ number: 1 }));
    await store.writeCheckpoint(sampleCheckpoint(1, "a"));
    await store.writeCheckpoint(sampleCheckpoint(2, "a"));
  }
  await log.remove();
  expect(await readdir(join(directory, "not/yet/orders"))).toEqual(["snapshots"]);
  await snapshot.remove();
  expect(await readdir(join(directory, "not/yet"))).toEqual([]);
});

describe("a file that is not what was written", () => {
  const original = sampleSegment({ number: 2, payload: Buffer.alloc(100_000, 1) });

  async function damaged(damage: (path: string) => Promise<void>) {
    const log = await open();
    for (const segment of [sampleSegment({ number: 1 }), original, sampleSegment({ number: 3 })]) await log.append(segment);
    await damage(pathOf(2));
    return log;
  }

  const size = 16 + original.header.length + original.payload.length + 32;
  const cases: [string, (path: string) => Promise<void>][] = [
    ...[0, 3, 8, 19, 20, 100, size - 33, size - 1].map((length): (typeof cases)[number] => [
      `cut to ${length} bytes`,
      (path) => truncate(path, length),
    ]),
    ["longer", (path) => appendFile(path, "x")],
    ["zeros", (path) => writeFile(path, Buffer.alloc(size))],
    ["ones", (path) => writeFile(path, Buffer.alloc(size, 0xff))],
    ["text", (path) => writeFile(path, "OPLOGSEG, but then no segment. ".repeat(10))],
    ["another header length", (path) => patch(path, 16, 0x7fffff00)],
    ["a negative header length", (path) => patch(path, 16, -1)],
    ["another payload length", (path) => patch(path, 8, 0xfffff)],
  ];
  test.each(cases)("is named, and not read as a segment: %s", async (_name, damage) => {
    const log = await damaged(damage);
    const expected = expect.objectContaining({ code: "DAMAGED", message: expect.stringMatching(/^Segment 2 /), hint: expect.any(String) });
    await expect(log.read(2)).rejects.toEqual(expected);
    await expect(collect(log.headers())).rejects.toEqual(expected);
    expect((await collect(log.headers({ after: 2 }))).map(({ number }) => number)).toEqual([3]);
    expect(await log.append(original)).toBe("taken");
    await log.remove(2);
    expect(await log.append(original)).toBe("stored");
  });

  test("a changed byte in header, payload or hash shows by the hash", async () => {
    for (const at of [40, 16 + original.header.length + 5_000, size - 1]) {
      const log = await damaged(async (path) => {
        const bytes = await readFile(path);
        bytes[at]! ^= 1;
        await writeFile(path, bytes);
      });
      const segment = await log.read(2);
      expect(hashSegment(segment!.header, segment!.payload).equals(segment!.hash)).toBe(false);
      await log.remove();
    }
  });

  test("a checkpoint that can't be read says so, and can be taken over", async () => {
    const log = await open();
    await log.writeCheckpoint(sampleCheckpoint(1, "a"));
    const [path] = await allFiles();
    await writeFile(path!, "not BSON");
    await expect(log.readCheckpoint()).rejects.toMatchObject({ code: "DAMAGED", message: expect.stringContaining(path!) });
    expect(await log.writeCheckpoint(sampleCheckpoint(2, "a"), { takeOver: true })).toBe("stored");
    expect(await log.readCheckpoint()).toEqual(sampleCheckpoint(2, "a"));
  });
});

test("what is not ours in the directory is left alone", async () => {
  const log = await open();
  await log.append(sampleSegment({ number: 1 }));
  const foreign = [
    "README",
    "lost+found/x",
    "orders/notes.txt",
    "orders/segments/000000/0000000002.segment.bak",
    "orders/segments/000000/2.segment",
    "orders/segments/tmp/0000000002.segment",
  ];
  for (const path of foreign) {
    await mkdir(dirname(join(directory, path)), { recursive: true });
    await writeFile(join(directory, path), "x");
  }
  expect(await fileStoreLocation(directory).names()).toEqual(["orders"]);
  expect((await collect(log.headers())).map(({ number }) => number)).toEqual([1]);
  await log.remove();
  expect((await allFiles()).map((path) => path.slice(directory.length + 1)).sort()).toEqual(["README", "lost+found/x", "orders/notes.txt"]);
});

test("temporary files of writers that are gone are removed before the next write, those of living ones stay", async () => {
  await (await open()).append(sampleSegment({ number: 1 }));
  const [folder, host] = [dirname(pathOf(1)), hostname().replace(/[^A-Za-z0-9.]/g, "_")];
  const name = (of: string, pid: number) => join(folder, `.tmp-${of}-${pid}-${"0".repeat(16)}`);
  const dead = Number(execFileSync(process.execPath, ["-p", "process.pid"], { encoding: "utf8" }));
  const [ofDead, ofLiving, ofUs, elsewhere, oldElsewhere] = [
    name(host, dead),
    name(host, process.ppid),
    name(host, process.pid),
    name("other-host", dead),
    name("other-host", 1),
  ];
  for (const path of [ofDead, ofLiving, ofUs, elsewhere, oldElsewhere]) await writeFile(path, "half a segment");
  const hourAgo = new Date(Date.now() - 3_600_000);
  await utimes(oldElsewhere, hourAgo, hourAgo);
  const log = await open();
  expect((await collect(log.headers())).length).toBe(1);
  expect((await readdir(folder)).length).toBe(6); // a reader changes nothing
  await log.append(sampleSegment({ number: 2 }));
  const left = (await readdir(folder)).filter((entry) => entry.startsWith("."));
  expect(left.map((entry) => join(folder, entry)).sort()).toEqual([ofLiving, ofUs, elsewhere].sort());
});

describe("a writer that is killed", () => {
  let built: string;
  beforeAll(async () => {
    // In a folder from which the program finds the packages it needs.
    built = await mkdtemp(fileURLToPath(new URL("../../../../node_modules/.append-until-killed-", import.meta.url)));
    const entry = [fileURLToPath(new URL("./append-until-killed.ts", import.meta.url))];
    await build({
      entry,
      outDir: built,
      format: "esm",
      outExtension: () => ({ js: ".mjs" }),
      external: ["mongodb"],
      config: false,
      silent: true,
    });
  });
  afterAll(() => rm(built, { recursive: true }));

  test("leaves whole segments with consecutive numbers, all that were acknowledged among them", async () => {
    let next = 1;
    for (let round = 0; round < 6; round++) {
      const child = spawn(process.execPath, [join(built, "append-until-killed.mjs"), directory, `${next}`], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      let printed = "";
      child.stdout.on("data", (chunk) => (printed += chunk));
      await Promise.race([once(child.stdout, "data"), once(child, "exit")]);
      await new Promise((resolve) => setTimeout(resolve, 37 * round)); // somewhere in a write
      child.kill("SIGKILL");
      await once(child, "close");

      const log = await open();
      const acknowledged = Number(printed.trim().split("\n").at(-1));
      const numbers = (await collect(log.headers())).map(({ number }) => number);
      expect(numbers).toEqual(Array.from({ length: numbers.length }, (_, i) => i + 1));
      expect(numbers.length).toBeGreaterThanOrEqual(acknowledged);
      for (const number of numbers.slice(next - 1))
        await assertStored(log, sampleSegment({ number, payload: Buffer.alloc(500_000, number) }));
      next = numbers.length + 1;
      expect(await log.append(sampleSegment({ number: next, payload: Buffer.alloc(500_000, next) }))).toBe("stored");
      expect((await allFiles()).filter((path) => !path.endsWith(".segment"))).toEqual([]);
      next++;
    }
  });
});

describe("a file system that refuses", () => {
  let mounted = false;
  /** Mounting needs root, which a container of tests mostly is. */
  const mount = (options: string): boolean => {
    try {
      execFileSync("mount", ["-t", "tmpfs", "-o", options, "tmpfs", directory], { stdio: "ignore" });
    } catch {
      return false;
    }
    mounted = true;
    return true;
  };
  afterEach(() => {
    if (mounted) execFileSync("umount", [directory]);
    mounted = false;
  });
  const failure = (code: string) => ({
    code: "STORE_FAILED",
    hint: expect.stringMatching(/^[A-Z].*\.$/),
    cause: expect.objectContaining({ code }),
  });

  test("a full disk is named as the cause, leaves nothing half-written, and is written to again once there is space", async (context) => {
    if (!mount("size=1m")) context.skip("needs the right to mount");
    const log = await open();
    await log.append(sampleSegment({ number: 1, payload: Buffer.alloc(400_000) }));
    const second = sampleSegment({ number: 2, payload: Buffer.alloc(800_000, 2) });
    for (let attempt = 1; attempt <= 3; attempt++) await expect(log.append(second)).rejects.toMatchObject(failure("ENOSPC"));
    expect((await allFiles()).length).toBe(1);
    expect(await log.read(2)).toBeNull();
    await log.remove(1);
    expect(await log.append(second)).toBe("stored");
    await assertStored(log, second);
  });

  test("a read-only one can be read from", async (context) => {
    if (!mount("size=1m")) context.skip("needs the right to mount");
    const log = await open();
    await log.append(sampleSegment({ number: 1 }));
    execFileSync("mount", ["-o", "remount,ro", directory]);
    const again = await open();
    await assertStored(again, sampleSegment({ number: 1 }));
    expect(await fileStoreLocation(directory).names()).toEqual(["orders"]);
    for (const attempt of [
      () => again.append(sampleSegment({ number: 2 })),
      () => again.writeCheckpoint(sampleCheckpoint(1, "a")),
      () => again.remove(1),
    ])
      await expect(attempt()).rejects.toMatchObject(failure("EROFS"));
  });

  test("a file in the place of the directory, and a place where no directory can be made", async () => {
    await writeFile(join(directory, "file"), "");
    await expect(
      (await fileStoreLocation(join(directory, "file")).log("orders")).append(sampleSegment({ number: 1 })),
    ).rejects.toMatchObject(failure("ENOTDIR"));
    const error = await (await fileStoreLocation("/proc/oplog/store").log("orders"))
      .append(sampleSegment({ number: 1 }))
      .catch((thrown) => thrown);
    expect(error).toMatchObject({ code: "STORE_FAILED" });
    expect(errorCode(error.cause)).toBe("ENOENT");
  });
});

/** Puts another 32-bit number there. */
async function patch(path: string, at: number, value: number): Promise<void> {
  const bytes = await readFile(path);
  bytes.writeInt32LE(value, at);

  await writeFile(path, bytes);
}
