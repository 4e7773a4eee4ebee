import {
  CAPTURE_MODES,
  type CaptureMode,
  CODECS,
  type Codec,
  Collector,
  checkCapturedDatabase,
  checkLogName,
  DEFAULT_CODEC,
  initialStatus,
  openStoreWhenUp,
  parseStartPoint,
  resolveUri,
  type StartPoint,
} from "@oplog-collector/collector-core";
import { type Command, InvalidArgumentError, Option } from "commander";
import { chooseSource } from "../choose-source.js";
import { closing } from "../closing.js";
import { COLLECTOR_FORMS, type CollectStatus } from "../collector-forms.js";
import { ForwardProcesses } from "../forward-processes.js";
import { nameOption } from "../open-log.js";
import { parseCount } from "../parse-count.js";
import { StatusReport } from "../status-report.js";
import { stopSignal } from "../stop-signal.js";

interface CollectOptions {
  source: string;
  store: string;
  name: string;
  database?: string;
  from: StartPoint;
  capture: CaptureMode;
  rpo?: number;
  exitWhenCaughtUp?: boolean;
  acceptGap?: boolean;
  codec: Codec;
  forward: string[];
  maxRetries?: number;
  json?: boolean;
}

export const addCollect = (program: Command): void => {
  program
    .command("collect")
    .summary("records a deployment's changes into a log")
    .description(
      "Records every change of a MongoDB deployment into a log, in the foreground, until SIGINT or SIGTERM: then all that was read is stored, and it exits with 0. Started again, it goes on where the log ends.",
    )
    .requiredOption(
      "--source <uri>",
      "the deployment to record: mongodb://…, or env:NAME, file-ref:PATH to keep it out of the process list",
    )
    .requiredOption("--store <uri>", "where the log goes: mongodb://…, file:///dir, s3://bucket/prefix, env:NAME or file-ref:PATH")
    .addOption(nameOption())
    .option("--database <db>", "record only this database", checkCapturedDatabase)
    .addOption(
      new Option("--from <start>", "where a new log begins: now, oldest (as far back as the oplog reaches) or a TIME")
        .argParser(parseStartPoint)
        .default({ kind: "now" } satisfies StartPoint, "now"),
    )
    .addOption(
      new Option("--capture <mode>", "how the source is read; auto: as the log began, a new one by the raw oplog where that can be read")
        .choices(CAPTURE_MODES)
        .default("auto"),
    )
    .option(
      "--rpo <ms>",
      "recovery point objective: an event is stored at most so many milliseconds after it was read (1000)",
      parseMilliseconds,
    )
    .option("--exit-when-caught-up", "stop when the source has nothing more to show")
    .option("--accept-gap", "when the source no longer has our position: store a gap with its cause and go on, once")
    .addOption(
      new Option("--codec <codec>", "how segments are compressed; zstd needs Node 22.15, also to restore")
        .choices(CODECS)
        .default(DEFAULT_CODEC),
    )
    .option(
      "--forward <uri>",
      "publish the log to Kafka as well, as forward does: kafka://host:port?topic=…, env:NAME or file-ref:PATH; may be given more than once",
      (uri: string, before: string[]) => [...before, uri],
      [],
    )
    .option("--max-retries <n>", "give up after so many tries in a row without success (never)", parseCount)
    .option("--json", "print the status as JSON lines: at each change and at least every 5 s")
    .addHelpText("after", HELP)
    .action(collect);
};

const HELP = `
TIME is ISO-8601 ("2026-11-22T14:05:24Z"), a cluster time ("1795356656,17") or a resume token.
Logs go to stderr as JSON lines; OPLOG_LOG_LEVEL sets their level.

Examples:
  $ oplog collect --source mongodb://127.0.0.1:27017 --store file:///var/lib/oplog --name shop
  $ SOURCE='mongodb://user:secret@db1,db2/?replicaSet=rs0' oplog collect --source env:SOURCE --store env:STORE --name shop --rpo 500`;

async function collect(options: CollectOptions): Promise<void> {
  const name = checkLogName(options.name);
  const retry = options.maxRetries === undefined ? {} : { maxRetries: options.maxRetries };
  using stop = stopSignal();
  await using report = new StatusReport(COLLECTOR_FORMS, { json: options.json ?? false });
  let status: CollectStatus = { ...initialStatus(process.pid), forwards: [] };
  const show = (change: Partial<CollectStatus>) => {
    status = { ...status, ...change };
    report.show(status);
  };
  await using forwards = new ForwardProcesses(options, (shown) => show({ forwards: shown }));
  show({});
  const uri = resolveUri(options.source);
  const opened = await openStoreWhenUp(options.store, {
    signal: stop.signal,
    retry,
    onTrouble: (error) => show({ state: error ? "retrying_connection" : "starting", error }),
  });
  if (!opened) return show({ state: "stopped" });
  await using location = closing(opened);
  await using store = closing(await location.log(name));
  await using source = closing(await chooseSource({ capture: options.capture, uri, database: options.database ?? null, store }));
  const collector = new Collector({
    name,
    source,
    store,
    storeLocation: location,
    from: options.from,
    acceptGap: options.acceptGap,
    exitWhenCaughtUp: options.exitWhenCaughtUp,
    codec: options.codec,
    limits: options.rpo === undefined ? {} : { ageMs: options.rpo },
    retry,
    logger: report.logger,
  });
  collector.subscribe((changed) => {
    show(changed);
    // From then on there is a log.
    if (changed.coveredTo !== null) forwards.start();
  });
  await collector.run(stop.signal);
  if (options.exitWhenCaughtUp) await forwards.publishRest(stop.signal);
}

function parseMilliseconds(text: string): number {
  if (!/^\d{1,9}$/.test(text) || Number(text) === 0) throw new InvalidArgumentError("It is not a whole number of milliseconds above 0.");
  return Number(text);
}
