import { expect, test } from "vitest";
import { Routing, wantedByRename } from "./routing.js";

const placeOf = (routing: Routing, namespace: string): string => {
  const route = routing.route(namespace);
  return route.skip === undefined ? route.namespace : `(${route.skip.split(":")[0]})`;
};

test("a deployment's own bookkeeping is never applied, and users only when they are asked for", () => {
  const routing = new Routing({});
  expect(placeOf(routing, "config.transactions")).toBe("(config.*)");
  expect(placeOf(routing, "admin.system.keys")).toBe("(admin.system.keys)");
  expect(placeOf(routing, "oplog_collector_restore.applies")).toBe("(oplog_collector_restore.*)");
  expect(placeOf(routing, "admin.system.users")).toBe("(users and roles are applied with --users only)");
  expect(placeOf(new Routing({ users: true }), "admin.system.users")).toBe("admin.system.users");
  expect(placeOf(routing, "admin.own")).toBe("admin.own");
});

test("filters and renames mean a time series by the name that users know", () => {
  const routing = new Routing({ ns: ["shop.readings"], renames: ["shop.readings=store.measures"] });
  expect(placeOf(routing, "shop.readings")).toBe("store.measures");
  expect(placeOf(routing, "shop.system.buckets.readings")).toBe("store.system.buckets.measures");
  expect(placeOf(routing, "shop.orders")).toBe("(left out by --ns)");
});

test("a collection's rename goes before its database's", () => {
  const routing = new Routing({ renames: ["shop=store", "shop.orders=sales.orders"] });
  expect(placeOf(routing, "shop.items")).toBe("store.items");
  expect(placeOf(routing, "shop.orders")).toBe("sales.orders");
  expect(placeOf(routing, "shop")).toBe("store");
});

test("dropping a database passes only filters on whole databases", () => {
  expect(placeOf(new Routing({ ns: ["shop.*"] }), "shop")).toBe("shop");
  expect(placeOf(new Routing({ ns: ["shop.orders"] }), "shop")).toBe("(left out by --ns)");
  expect(placeOf(new Routing({ excludeNs: ["shop.secret"] }), "shop")).toMatch(/^\(on a whole database/);
});

test.each(["shop", "shop=", "=shop", "shop=a.b", "shop.orders=store", "a=b=c"])("the rename %j is refused", (rename) => {
  expect(() => new Routing({ renames: [rename] })).toThrow(expect.objectContaining({ code: "BAD_INPUT" }));
});

test("two things never get one name on the target", () => {
  const refused = (act: () => unknown) =>
    expect(act).toThrow(expect.objectContaining({ code: "BAD_INPUT", message: expect.stringContaining("would both be") }));
  refused(() => new Routing({ renames: ["shop.a=shop.c", "shop.b=shop.c"] }));
  const onto = new Routing({ renames: ["shop.a=shop.b"] });
  expect(placeOf(onto, "shop.a")).toBe("shop.b");
  refused(() => onto.route("shop.b"));
  const merged = new Routing({ renames: ["one=all", "two=all"] });
  expect([placeOf(merged, "one.a"), placeOf(merged, "two.b")]).toEqual(["all.a", "all.b"]);
  refused(() => merged.route("two.a"));
  const leftOut = new Routing({ renames: ["shop.a=shop.b"], excludeNs: ["shop.b"] });
  expect([placeOf(leftOut, "shop.a"), placeOf(leftOut, "shop.b")]).toEqual(["shop.b", "(left out by --exclude-ns)"]);
});

test("what a chain of renames brings into a wanted name is wanted from the beginning", () => {
  const renames = [
    { namespace: "shop.tmp1", to: "shop.tmp2" },
    { namespace: "shop.tmp2", to: "shop.orders" },
    { namespace: "shop.other", to: "shop.else" },
  ];
  expect(wantedByRename(renames, { ns: ["shop.orders"] })).toEqual(new Set(["shop.tmp1", "shop.tmp2"]));
});
