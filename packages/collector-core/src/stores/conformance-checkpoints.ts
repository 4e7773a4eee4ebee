import assert from "node:assert/strict";
import type { PlacedCase } from "./conformance.js";
import { sampleCheckpoint, samplePosition, sampleSegment } from "./sample-segment.js";

export const checkpointCases: PlacedCase[] = [
  {
    name: "a checkpoint keeps every field",
    async test({ location, reopen }) {
      const log = await location.log("orders");
      assert.equal(await log.readCheckpoint(), null);
      const checkpoints = [
        sampleCheckpoint(5, { id: "w", host: "hôst.example", pid: 7 }),
        sampleCheckpoint(6, "w", { position: { token: null, clusterTime: 0n, wallTime: null }, coveredTo: 0n, afterSegment: 0 }),
        sampleCheckpoint(7, "w", { coveredTo: 0xffff_ffff_ffff_ffffn, at: new Date(1_700_000_000_123), afterSegment: 5_000_000_000 }),
        sampleCheckpoint(8, null),
      ];
      for (const checkpoint of checkpoints) {
        assert.equal(await log.writeCheckpoint(checkpoint), "stored");
        assert.deepEqual(await log.readCheckpoint(), checkpoint);
      }
      if (reopen) assert.deepEqual(await (await (await reopen()).log("orders")).readCheckpoint(), checkpoints.at(-1));
    },
  },
  {
    name: "a checkpoint holds off other writers until it is released",
    async test({ location }) {
      const [ours, theirs] = [await location.log("orders"), await location.log("orders")];
      assert.equal(await ours.writeCheckpoint(sampleCheckpoint(1, "a")), "stored");
      assert.equal(await theirs.writeCheckpoint(sampleCheckpoint(9, "b")), "fenced");
      assert.deepEqual(await theirs.readCheckpoint(), sampleCheckpoint(1, "a"));
      assert.equal(await theirs.writeCheckpoint(sampleCheckpoint(9, null)), "fenced", "only who holds it can release it");
      assert.equal(await ours.writeCheckpoint(sampleCheckpoint(2, "a")), "stored");
      assert.equal(await ours.writeCheckpoint(sampleCheckpoint(3, null)), "stored");
      assert.equal(await theirs.writeCheckpoint(sampleCheckpoint(4, "b")), "stored");
      assert.equal(await ours.writeCheckpoint(sampleCheckpoint(5, "a")), "fenced");
      assert.equal(await ours.writeCheckpoint(sampleCheckpoint(5, null)), "fenced");
      assert.deepEqual(await ours.readCheckpoint(), sampleCheckpoint(4, "b"));
    },
  },
  {
    name: "a take-over replaces a held checkpoint, and fences who held it",
    async test({ location }) {
      const [ours, theirs] = [await location.log("orders"), await location.log("orders")];
      assert.equal(await theirs.writeCheckpoint(sampleCheckpoint(1, "b"), { takeOver: true }), "stored");
      assert.equal(await ours.writeCheckpoint(sampleCheckpoint(2, "a"), { takeOver: true }), "stored");
      assert.equal(await theirs.writeCheckpoint(sampleCheckpoint(3, "b")), "fenced");
      assert.deepEqual(await theirs.readCheckpoint(), sampleCheckpoint(2, "a"));
      assert.equal(await ours.writeCheckpoint(sampleCheckpoint(4, "a")), "stored");
    },
  },
  {
    name: "of writers that race for the first or a released checkpoint exactly one gets it",
    async test({ location }) {
      const logs = await Promise.all(Array.from({ length: 4 }, () => location.log("orders")));
      for (let round = 1; round <= 5; round++) {
        const answers = await Promise.all(logs.map((log, writer) => log.writeCheckpoint(sampleCheckpoint(round, `${round}-${writer}`))));
        assert.deepEqual(answers.toSorted(), ["fenced", "fenced", "fenced", "stored"]);
        const winner = answers.indexOf("stored");
        for (const log of logs) assert.deepEqual(await log.readCheckpoint(), sampleCheckpoint(round, `${round}-${winner}`));
        assert.equal(await logs[winner]!.writeCheckpoint(sampleCheckpoint(round, null)), "stored");
      }
    },
  },
  {
    name: "take-overs that race are all stored, and the last one stands",
    async test({ location }) {
      const logs = await Promise.all(Array.from({ length: 4 }, () => location.log("orders")));
      for (let round = 1; round <= 10; round++) {
        const answers = await Promise.all(
          logs.map((log, writer) => log.writeCheckpoint(sampleCheckpoint(round, `${writer}`), { takeOver: true })),
        );
        assert.deepEqual(answers, ["stored", "stored", "stored", "stored"]);
        const holder = (await logs[0]!.readCheckpoint())?.writer?.id;
        for (const [writer, log] of logs.entries())
          assert.equal(await log.writeCheckpoint(sampleCheckpoint(round, `${writer}`)), `${writer}` === holder ? "stored" : "fenced");
        await logs[0]!.remove();
      }
    },
  },
  {
    name: "an old writer that goes on writing never gets the checkpoint back from who took it over",
    async test({ location }) {
      const [old, successor] = [await location.log("orders"), await location.log("orders")];
      for (let round = 1; round <= 10; round++) {
        await old.writeCheckpoint(sampleCheckpoint(round, `old-${round}`), { takeOver: true });
        const [mine] = await Promise.all([
          successor.writeCheckpoint(sampleCheckpoint(round, `new-${round}`), { takeOver: true }),
          ...[1, 2, 3].map((i) => old.writeCheckpoint(sampleCheckpoint(round + i, `old-${round}`))),
        ]);
        assert.equal(mine, "stored");
        assert.deepEqual(await successor.readCheckpoint(), sampleCheckpoint(round, `new-${round}`));
      }
    },
  },
  {
    name: "removing segments leaves the checkpoint; removing all removes it too, and the log can begin anew",
    async test({ location, reopen }) {
      const log = await location.log("orders");
      await log.remove();
      for (const number of [1, 2, 3]) await log.append(sampleSegment({ number }));
      await log.writeCheckpoint(sampleCheckpoint(3, "a"));
      await log.remove(3);
      assert.deepEqual(await log.readCheckpoint(), sampleCheckpoint(3, "a"));
      assert.equal(await log.append(sampleSegment({ number: 4 })), "stored");
      await log.remove();
      for (const place of [location, ...(reopen ? [await reopen()] : [])]) {
        const wiped = await place.log("orders");
        assert.equal(await wiped.readCheckpoint(), null);
        assert.equal(await wiped.read(4), null);
        assert.deepEqual(await place.names(), []);
      }
      const [again, first] = [await location.log("orders"), sampleSegment({ number: 1, to: samplePosition(77) })];
      assert.equal(await again.append(first), "stored");
      assert.equal(await again.writeCheckpoint(sampleCheckpoint(1, "b")), "stored");
      assert.equal(await log.append(first), "taken");
    },
  },
];
