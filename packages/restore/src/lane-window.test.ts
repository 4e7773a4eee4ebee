import fc from "fast-check";
import { BSON } from "mongodb";
import { expect, test } from "vitest";
import { LaneWindow } from "./lane-window.js";
import type { Write, WriteKind } from "./operation.js";

const bson = (document: object): Buffer => Buffer.from(BSON.serialize(document));

const write = (kind: WriteKind, id: number, n: number): Write => ({
  kind,
  namespace: "shop.orders",
  key: bson({ _id: id }),
  bytes: kind === "diff" ? bson({ $v: 2, diff: { u: { n } } }) : bson({ _id: id, n }),
});

const kinds = fc.constantFrom<WriteKind>("insert", "replace", "diff", "delete");

test("each document sees its changes in the order of the log, whatever is grouped with what", () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ kind: kinds, id: fc.nat(5), mode: fc.constantFrom("forward" as const, "converge" as const) })),
      (writes) => {
        const window = new LaneWindow();
        for (const [event, { kind, id, mode }] of writes.entries())
          window.add(write(kind, id, event), "shop.orders", String(id), { segment: 1, event, operation: 0, clusterTime: 1n }, mode, true);
        const [found] = [...window.writes()];
        const sent = (found?.groups ?? []).flatMap(({ statements }) => statements);
        expect(sent).toHaveLength(writes.length);
        for (const id of new Set(writes.map((one) => one.id))) {
          const places = sent.filter((statement) => statement.write.key.equals(bson({ _id: id }))).map(({ place }) => place.event);
          expect(places).toEqual(places.toSorted((a, b) => a - b));
        }
        for (const { command, statements } of found?.groups ?? [])
          for (const statement of statements) expect(statement.command).toBe(command);
        expect((found?.sequence ?? []).map(({ place }) => place.event)).toEqual(writes.map((_, event) => event));
      },
    ),
  );
});

test("a load of independent documents takes one command of each kind", () => {
  const window = new LaneWindow();
  for (let id = 0; id < 1_000; id++)
    for (const kind of ["insert", "diff", "diff", "delete"] as const)
      window.add(write(kind, id, 0), "shop.orders", String(id), { segment: 1, event: 0, operation: 0, clusterTime: 1n }, "forward", false);
  const [found] = [...window.writes()];
  expect(found!.groups.map(({ command, statements }) => [command, statements.length])).toEqual([
    ["insert", 1_000],
    ["update", 2_000],
    ["delete", 1_000],
  ]);
  expect(found!.sequence).toBeNull();
});
