import { defineConfig } from "tsup";

export default defineConfig({
  entry: ["src/index.ts", "src/react.ts"],
  format: "esm",
  target: "es2022",
  // Of the chart library's styles the text is taken: they go into shadow roots, as ours do.
  loader: { ".css": "text" },
  noExternal: [/\.css$/],
  // Whoever embeds an element gets the API's types with it, and not the packages of the server that they come from.
  dts: { resolve: [/^@oplog-collector\//] },
  clean: true,
  sourcemap: true,
});
