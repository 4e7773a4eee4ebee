import { defineConfig } from "tsup";

export default defineConfig({
  // The second entry is a program of its own: the child process that runs one collector.
  entry: ["src/index.ts", "src/collector-child.ts"],
  format: "esm",
  target: "node20",
  dts: { entry: "src/index.ts" },
  clean: true,
  sourcemap: true,
});
