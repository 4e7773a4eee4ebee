import fc from "fast-check";
import { expect, test } from "vitest";
import { checkTopicTemplate, isTopicOf, topicOf } from "./kafka-topic.js";

test("a topic a log, or a topic a namespace with its name still to be read", () => {
  expect(topicOf("oplog.{log}", "shop-eu", "shop.orders")).toBe("oplog.shop-eu");
  expect(topicOf("oplog.{log}.{ns}", "shop", "shop.orders")).toBe("oplog.shop.shop.orders");
  expect(topicOf("{ns}", "shop", "shop.order_items")).toBe("shop.order--items");
  expect(topicOf("{ns}", "shop", "shop.Größe-x")).toBe("shop.Gr-c3-b6-c3-9fe-2dx");
});

test("no two namespaces share a topic, nor two that Kafka takes for the same, however long or strange their names", () => {
  const letters = fc.constantFrom("a", "b", ".", "_", "-", "5", "f", "h", "ß", "$", " ");
  const name = fc.array(letters, { minLength: 1, maxLength: 8 }).map((all) => all.join(""));
  const long = name.map((text) => text.padEnd(255, "_"));
  fc.assert(
    fc.property(fc.oneof(name, long), fc.oneof(name, long), (a, b) => {
      const [x, y] = [topicOf("t.{ns}", "shop", a), topicOf("t.{ns}", "shop", b)];
      for (const topic of [x, y]) expect(topic).toMatch(/^[A-Za-z0-9._-]{1,249}$/);
      if (a !== b) expect(x.replaceAll(".", "_")).not.toBe(y.replaceAll(".", "_"));
    }),
    { numRuns: 2_000 },
  );
});

test("the topics of a log are told from those of another", () => {
  const name = "x".repeat(300);
  for (const template of ["t.{log}.{ns}", "{ns}.of.{log}", "t.{log}"])
    for (const ns of ["shop.orders", name]) expect(isTopicOf(template, "shop", topicOf(template, "shop", ns))).toBe(true);
  expect(isTopicOf("t.{log}.{ns}", "shop", "t.shopping.shop.orders")).toBe(false);
  expect(isTopicOf("t.{log}", "shop", "t.shop.x")).toBe(false);
});

test("what can't be a topic's name is refused", () => {
  for (const template of ["", "..", "a b", "{cluster}", "a/b", "x".repeat(200)])
    expect(() => checkTopicTemplate(template)).toThrow(expect.objectContaining({ code: "BAD_INPUT" }));
});
