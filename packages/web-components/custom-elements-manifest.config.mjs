/** `custom-elements.json` for editors and documentation tools: from the source and its comments. */
export default {
  globs: ["src/**/*.ts"],
  exclude: ["src/**/*.test.ts", "src/react.ts"],
  outdir: "dist",
  litelement: true,
};
