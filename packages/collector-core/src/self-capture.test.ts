import { expect, test } from "vitest";
import { checkNoSelfCapture } from "./self-capture.js";

const store = { processIds: ["b", "c"], database: "oplog_store" };
const check = (processIds: string[], database: string | null) => () => checkNoSelfCapture({ processIds, database }, store);

test("a store inside what is captured is refused", () => {
  expect(check(["a", "b"], null)).toThrow(/own deployment/);
  expect(check(["c"], "oplog_store")).toThrow(/oplog_store/);
});

test("a store on another deployment, or beside the one captured database, is taken", () => {
  expect(check(["a"], null)).not.toThrow();
  expect(check(["b"], "shop")).not.toThrow();
});
