import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { join, relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build, type Plugin } from "esbuild";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Mutant, mutants } from "./mutants.js";

const source = fileURLToPath(new URL("..", import.meta.url));

/** Of so many runs at least one must show the fault: a small part of those that the unchanged source has to survive. */
const RUNS = 6_000;

/** Inside node_modules, so that a mutant finds what the source imports. */
let folder: string;

beforeAll(async () => {
  const cache = join(source, "../node_modules/.cache");
  await mkdir(cache, { recursive: true });
  folder = await mkdtemp(join(cache, "mutants-"));
});

afterAll(() => rm(folder, { recursive: true }));

describe("the simulation finds it when", () => {
  test.each(mutants)("$fault", async ({ edits, shows }) => {
    const violation = await firstViolation(await simulationOf(edits));
    expect(violation).toMatch(shows);
  });
});

async function firstViolation(simulate: typeof import("./simulate.js").simulate): Promise<string | null> {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    for (let seed = 1; seed <= RUNS; seed++) {
      const { violation } = await simulate(seed);
      if (violation) return violation;
    }
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
  return null;
}

/** The simulation, and the whole source under it, with these edits. */
async function simulationOf(edits: Mutant["edits"]): Promise<typeof import("./simulate.js").simulate> {
  const outfile = join(folder, `${mutants.findIndex((mutant) => mutant.edits === edits)}.mjs`);
  await build({
    entryPoints: [join(source, "simulation/simulate.ts")],
    bundle: true,
    format: "esm",
    platform: "node",
    packages: "external",
    outfile,
    plugins: [editing(edits)],
    logLevel: "error",
  });
  return (await import(/* @vite-ignore */ pathToFileURL(outfile).href)).simulate;
}

function editing(edits: Mutant["edits"]): Plugin {
  return {
    name: "editing",
    setup({ onLoad }) {
      onLoad({ filter: /\.ts$/ }, async ({ path }) => {
        let contents = await readFile(path, "utf8");
        for (const [file, is, becomes] of edits) {
          if (relative(source, path) !== file) continue;
          // The source has changed: so has the mutant to be.
          if (contents.split(is).length !== 2) throw new Error(`${file} does not have this exactly once: ${is}`);
          contents = contents.replace(is, () => becomes);
        }
        return { contents, loader: "ts" };
      });
    },
  };
}
