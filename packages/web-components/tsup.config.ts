import { defineConfig } from "tsup";

export default defineConfig({
  entry: ["src/index.ts", "src/react.ts"],
  format: "esm",
  target: "es2022",
  // Of the chart library's styles the text is taken: they go into shadow roots, as ours do.
  loader: { ".css": "text" },
  noExternal: [/\.css$/],
  // Whoever embeds an element gets the API's types with it, and not the packages of the server that they come from.
  // By their paths they count as files of ours, and are taken in whole; as packages they would be left out, with some of their files or all.
  dts: { compilerOptions: { paths: { "@oplog-collector/*": ["../*/dist/index.d.ts"] } } },
  clean: true,
  sourcemap: true,
});
