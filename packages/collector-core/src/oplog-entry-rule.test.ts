import { expect, test } from "vitest";
import { skipReason } from "./oplog-entry-rule.js";

test.each([
  ["noop", ""],
  ["noop", "shop.orders"],
  ["update", "config.system.sessions"],
  ["createIndexes", "config.system.sessions"],
  ["delete", "config.transactions"],
  ["insert", "config.image_collection"],
  ["insert", "config.cache.chunks.shop.orders"],
  ["create", "config.external_validation_keys"],
  ["create", "config.tenantMigrationDonors"],
  ["insert", "admin.system.keys"],
])("%s on %s is left out, and says why", (operation, namespace) => {
  expect(skipReason({ operation, namespace })).toMatch(/\w+ \w+/);
});

test.each([
  ["insert", "shop.orders"],
  ["insert", "shop.config.transactions"],
  ["insert", "admin.system.users"],
  ["delete", "admin.system.roles"],
  ["update", "admin.system.version"],
  ["insert", "admin.notes"],
  ["insert", "config.settings"],
  ["insert", "config.chunks"],
  ["insert", "config.notes"],
  ["insert", "shop.system.views"],
  ["insert", "shop.system.buckets.weather"],
  ["insert", "shop.system.js"],
  ["applyOps", "admin.$cmd"],
  ["commitTransaction", "admin.$cmd"],
  ["startIndexBuild", "shop.orders"],
  ["anUnknownCommand", "shop.orders"],
])("%s on %s is kept", (operation, namespace) => {
  expect(skipReason({ operation, namespace })).toBeNull();
});
