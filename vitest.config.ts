import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const source = (path: string) => fileURLToPath(new URL(`packages/${path}`, import.meta.url));

/** Tests run on the source of the packages, not on what was built last. */
const alias = [
  { find: /^@oplog-collector\/([^/]+)$/, replacement: source("$1/src/index.ts") },
  { find: /^@oplog-collector\/([^/]+)\/([^/]+)$/, replacement: source("$1/src/$2.ts") },
];

/**
 * `workers`: each drives a mongod beside it, and more than these make one another slow on two cores. Chaos tests keep both busy; the others wait for
 * half of their time, for servers to start and stop.
 */
const project = (name: string, pattern: string, { workers, order }: { workers: number; order: number }) => ({
  resolve: { alias },
  test: {
    name,
    maxWorkers: workers,
    sequence: { groupOrder: order },
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
    reporters: ["default", "./scripts/vitest-summary.ts"],
    projects: [project("chaos", "chaos", { workers: 2, order: 0 }), project("unit", "test", { workers: 3, order: 1 })],
  },
});
