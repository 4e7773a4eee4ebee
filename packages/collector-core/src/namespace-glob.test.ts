import { expect, test } from "vitest";
import { namespaceMatcher } from "./namespace-glob.js";

const matches = (pattern: string, ...namespaces: string[]) => namespaces.filter(namespaceMatcher(pattern));
const all = ["shop", "shop.orders", "shop.orders.2026", "shop2.orders", "shop.Orders", "a.b", "a+b.c"];

test("a pattern without wildcards is itself", () => {
  expect(matches("shop.orders", ...all)).toEqual(["shop.orders"]);
  expect(matches("shop", ...all)).toEqual(["shop"]);
  expect(matches("a+b.c", ...all)).toEqual(["a+b.c"]);
});

test("a star stands for any characters, dots too; a question mark for one", () => {
  expect(matches("*.orders", ...all)).toEqual(["shop.orders", "shop2.orders"]);
  expect(matches("shop.o*", ...all)).toEqual(["shop.orders", "shop.orders.2026"]);
  expect(matches("?.?", ...all)).toEqual(["a.b"]);
  expect(matches("*", ...all)).toEqual(all);
});

test("all collections of a database includes what happens to the database itself", () => {
  expect(matches("shop.*", ...all)).toEqual(["shop", "shop.orders", "shop.orders.2026", "shop.Orders"]);
});
