import {
  CAPTURE_MODES,
  type CaptureMode,
  checkCapturedDatabase,
  type DoctorCheck,
  examine,
  OplogError,
} from "@oplog-collector/collector-core";
import { type Command, Option } from "commander";
import { printJson, printLine } from "../print.js";

interface DoctorOptions {
  source: string;
  store?: string;
  database?: string;
  capture: CaptureMode;
  json?: boolean;
}

export const addDoctor = (program: Command): void => {
  program
    .command("doctor")
    .summary("tries all that a collector needs, and says what to do")
    .description(
      "Tries on the real source and store all that a collector needs: version, replica set, privileges, change stream, oplog, what of all that the source holds is carried, clocks, and that the store keeps what it is given (it writes a log of its own there, and removes it). Says what to do about each check that fails, and exits with 1 if one does.",
    )
    .requiredOption("--source <uri>", "the deployment that is to be recorded: mongodb://…, env:NAME or file-ref:PATH")
    .option("--store <uri>", "where the log is to go: mongodb://…, file:///dir, s3://bucket/prefix, env:NAME or file-ref:PATH")
    .option("--database <db>", "the one database that is to be recorded", checkCapturedDatabase)
    .addOption(new Option("--capture <mode>", "how it is to be recorded").choices(CAPTURE_MODES).default("auto"))
    .option("--json", "print one JSON document")
    .addHelpText("after", "\nExample:\n  $ oplog doctor --source env:SOURCE --store file:///var/lib/oplog")
    .action(doctor);
};

async function doctor({ source, store, database, capture, json }: DoctorOptions): Promise<void> {
  const checks: DoctorCheck[] = [];
  for await (const check of examine({ source, store, database, capture })) {
    checks.push(check);
    if (!json) await printLine(textOf(check));
  }
  const bad = checks.filter(({ ok }) => ok === false);
  if (json) await printJson({ ok: bad.length === 0, checks });
  if (bad.length > 0)
    throw new OplogError(
      "SOURCE_UNSUITABLE",
      `${bad.length} of ${checks.length} checks failed: ${bad.map(({ check }) => check).join(", ")}`,
    );
}

const MARK = new Map<DoctorCheck["ok"], string>([
  [true, "ok     "],
  ["warning", "WARNING"],
  [false, "FAILED "],
]);

const textOf = ({ check, ok, detail, hint }: DoctorCheck): string =>
  `${MARK.get(ok)}  ${check}: ${detail}${hint ? `\n         → ${hint}` : ""}`;
