import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import ts from "typescript";
import { expect, test } from "vitest";

const run = promisify(execFile);
const packageFolder = fileURLToPath(new URL("..", import.meta.url));

/** What a user may write. A type that is missing would be `any`, and then what must be refused here would not be. */
const PROGRAM = `
import { type Cluster, type Coverage, type DoctorCheck, type EventRow, type Job, OplogRestoreWizard, type RestorePlan } from "@oplog-collector/web-components";
import { ClusterList, Dashboard } from "@oplog-collector/web-components/react";
import { createElement } from "react";

const dashboard = document.querySelector("oplog-dashboard")!;
dashboard.getToken = async () => "token";
dashboard.theme = "dark";
export const wizard = new OplogRestoreWizard();
export const page = createElement(Dashboard, { endpoint: "/api", onClusterOpen: ({ detail }) => console.log(detail.name.length) });
export const list = createElement(ClusterList, { readonly: true, onClusterOpen: ({ detail }) => detail.id });
declare const cluster: Cluster;
declare const job: Job;
declare const plan: RestorePlan;
declare const coverage: Coverage;
declare const row: EventRow;
declare const check: DoctorCheck;
export const texts: string[] = [cluster.name, cluster.log?.coveredTo?.clusterTime ?? "", job.startedAt, plan.apply.to, coverage.gaps[0]!.cause, row.event, check.check];
export const numbers: number[] = [cluster.rpoMs, cluster.retention.maxAgeHours ?? 0, cluster.log?.events ?? 0, plan.collections[0]!.documents, coverage.bytes];
// @ts-expect-error
dashboard.theme = "pink";
// @ts-expect-error
export const a: number = cluster.name;
// @ts-expect-error
export const b: string = cluster.retention.maxAgeHours;
// @ts-expect-error
export const c: number = cluster.state;
// @ts-expect-error
export const d: string = cluster.error;
// @ts-expect-error
export const e: string = job.state.length;
// @ts-expect-error
export const f: string = plan.apply.segments;
// @ts-expect-error
export const g: string = plan.snapshot;
// @ts-expect-error
export const h: number = coverage.snapshots[0]!.restorableFrom;
// @ts-expect-error
export const i: number = row.position;
`;

test("who installs only this package can check the types of what they write with it", async () => {
  const folder = await mkdtemp(join(tmpdir(), "oplog-types-"));
  try {
    const { stdout } = await run("npm", ["pack", "--json", "--pack-destination", folder], { cwd: packageFolder });
    const [{ filename }] = JSON.parse(stdout) as [{ filename: string }];
    const installed = join(folder, "node_modules/@oplog-collector/web-components");
    await mkdir(installed, { recursive: true });
    await run("tar", ["xzf", join(folder, filename), "--strip-components=1", "-C", installed]);
    const { dependencies, peerDependencies } = JSON.parse(await readFile(join(installed, "package.json"), "utf8"));
    // What it says that it needs, and what a program in React has anyway; nothing else can be found from there.
    for (const name of [...Object.keys({ ...dependencies, ...peerDependencies }), "@types/react"]) await link(name, folder);
    const program = join(folder, "program.ts");
    await writeFile(program, PROGRAM);
    const checked = ts.createProgram([program], {
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
      target: ts.ScriptTarget.ES2022,
      lib: ["lib.es2022.d.ts", "lib.dom.d.ts", "lib.dom.iterable.d.ts"],
      ...{ strict: true, noEmit: true, types: [], skipLibCheck: false },
    });
    const problems = ts.getPreEmitDiagnostics(checked).map(({ file, messageText }) => ({
      file: file?.fileName.replace(folder, ""),
      problem: ts.flattenDiagnosticMessageText(messageText, "\n"),
    }));
    expect(problems).toEqual([]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

async function link(name: string, folder: string): Promise<void> {
  const to = join(folder, "node_modules", name);
  await mkdir(dirname(to), { recursive: true });
  await symlink(join(packageFolder, "../../node_modules", name), to);
}
