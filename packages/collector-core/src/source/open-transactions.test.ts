import { expect, test } from "vitest";
import { OpenTransactions } from "./open-transactions.js";

const part = (previous: bigint) => ({ previous, open: true, command: "applyOps" });
const last = (previous: bigint) => ({ previous, open: false, command: "applyOps" });
const commit = (previous: bigint) => ({ previous, open: false, command: "commitTransaction" });
const abort = (previous: bigint) => ({ previous, open: false, command: "abortTransaction" });

test("a transaction is open from its first entry to its end", () => {
  const transactions = new OpenTransactions();
  expect(transactions.any).toBe(false);
  transactions.see(part(0n), 10n);
  transactions.see(part(10n), 11n);
  expect(transactions.any).toBe(true);
  transactions.see(last(11n), 12n);
  expect(transactions.any).toBe(false);
});

test("a prepared one stays open until it is decided, whatever else ends meanwhile", () => {
  const transactions = new OpenTransactions();
  transactions.see(part(0n), 10n); // prepared
  transactions.see(part(0n), 20n);
  transactions.see(last(20n), 21n);
  expect(transactions.any).toBe(true);
  transactions.see(part(0n), 30n); // prepared
  transactions.see(commit(10n), 40n);
  expect(transactions.any).toBe(true);
  transactions.see(abort(30n), 50n);
  expect(transactions.any).toBe(false);
});

test("the end of a transaction whose beginning was not read is refused, unless it was aborted", () => {
  const transactions = new OpenTransactions();
  transactions.see(abort(5n), 10n);
  expect(transactions.any).toBe(false);
  expect(() => transactions.see(commit(5n), 10n)).toThrow(expect.objectContaining({ code: "SOURCE_UNSUITABLE" }));
  expect(() => transactions.see(part(5n), 10n)).toThrow(expect.objectContaining({ code: "SOURCE_UNSUITABLE" }));
});
