import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const source = (path: string) => fileURLToPath(new URL(`packages/${path}`, import.meta.url));

/** Tests run on the source of the packages, not on what was built last. */
const alias = [
  { find: /^@oplog-collector\/([^/]+)$/, replacement: source("$1/src/index.ts") },
  { find: /^@oplog-collector\/([^/]+)\/([^/]+)$/, replacement: source("$1/src/$2.ts") },
];

const project = (name: string, pattern: string) => ({
  resolve: { alias },
  test: {
    name,
    include: ["packages", "apps", "scripts"].map((folder) => `${folder}/**/*.${pattern}.ts`),
    exclude: ["**/node_modules/**", "**/dist/**"],
    globalSetup: "./scripts/vitest-global-setup.ts",
    // Real servers, on machines that may be busy: a hang must end the run, a slow disk must not.
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});

export default defineConfig({
  test: {
    // Each worker drives a mongod beside it: more than these make one another slow, and tests time out.
    maxWorkers: 2,
    reporters: ["default", "./scripts/vitest-summary.ts"],
    projects: [project("unit", "test"), project("chaos", "chaos")],
  },
});
