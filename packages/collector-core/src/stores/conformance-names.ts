import assert from "node:assert/strict";
import { isOplogError } from "../errors.js";
import type { PlacedCase } from "./conformance.js";
import { assertStored, collect } from "./conformance-segments.js";
import { sampleCheckpoint, sampleSegment } from "./sample-segment.js";

export const namingCases: PlacedCase[] = [
  {
    name: "names are those of the logs, and snapshots, that hold a segment",
    async test({ location, reopen }) {
      assert.deepEqual(await location.names(), []);
      await location.log("empty");
      await (await location.log("claimed")).writeCheckpoint(sampleCheckpoint(1, "a"));
      const names = ["B", "a", "a-1", "a@s1", "a_b", "only-a-snapshot@20250101T000000_1", "x".repeat(120)];
      for (const name of names) await (await location.log(name)).append(sampleSegment({ number: 1, log: name }));
      for (const place of [location, ...(reopen ? [await reopen()] : [])]) assert.deepEqual((await place.names()).toSorted(), names);
      await (await location.log("a")).remove();
      await (await location.log("a_b")).remove(1);
      assert.deepEqual(
        (await location.names()).toSorted(),
        names.filter((name) => name !== "a" && name !== "a_b"),
      );
      for (const prefix of ["a", "a@", "a@s", "only-a-snapshot@", "B", "x", ".", "nothing"])
        assert.deepEqual(
          (await location.names(prefix)).toSorted(),
          names.filter((name) => name !== "a" && name !== "a_b" && name.startsWith(prefix)),
        );
    },
  },
  {
    name: "logs in one place do not see one another, whatever their names have in common",
    async test({ location }) {
      const names = ["a", "a_b", "a-b", "a@x", "a@xy", "ab", "segments", "snapshots", "a@segments"];
      const logs = await Promise.all(names.map((name) => location.log(name)));
      for (const [i, log] of logs.entries()) {
        assert.equal(await log.append(sampleSegment({ number: 1, log: names[i]! })), "stored");
        assert.equal(await log.writeCheckpoint(sampleCheckpoint(i, `w-${i}`)), "stored");
      }
      for (const [i, log] of logs.entries()) {
        await assertStored(log, sampleSegment({ number: 1, log: names[i]! }));
        assert.deepEqual(await log.readCheckpoint(), sampleCheckpoint(i, `w-${i}`));
        await log.remove();
        for (const [j, other] of logs.entries()) assert.equal((await collect(other.headers())).length, j <= i ? 0 : 1);
      }
      assert.deepEqual(await location.names(), []);
    },
  },
  {
    name: "a name that could be anything else than a log's is refused",
    async test({ location }) {
      for (const name of [
        "",
        ".",
        "..",
        "a/b",
        "../a",
        "a.parts",
        "a@",
        "@a",
        "a@b@c",
        "a\0b",
        "a b",
        "ä",
        "_a",
        "x".repeat(121),
        "a@../b",
      ])
        await assert.rejects(location.log(name), (error) => isOplogError(error, "BAD_INPUT"), `the name ${JSON.stringify(name)}`);
    },
  },
];
