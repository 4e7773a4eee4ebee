import { defineConfig } from "tsup";

export default defineConfig({
  entry: ["src/main.ts"],
  format: "esm",
  target: "node20",
  clean: true,
  sourcemap: true,
  // The scripts that find and start a mongod are programs of their own and find their files beside them.
  external: [/\/scripts\/.*\.mjs$/],
});
