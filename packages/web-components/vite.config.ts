import { defineConfig } from "vite";

/** The page that the server shows, with everything that it needs in files of its own: nothing inline, nothing from elsewhere. */
export default defineConfig({
  root: "page",
  base: "./",
  logLevel: "warn",
  build: {
    outDir: "../dist/bundle",
    emptyOutDir: true,
    target: "es2022",
    modulePreload: false,
    rolldownOptions: { output: { entryFileNames: "oplog.js", chunkFileNames: "[name].js", assetFileNames: "[name][extname]" } },
  },
});
