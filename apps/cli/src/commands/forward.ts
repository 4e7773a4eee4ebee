import { dateOf, Forwarder, type ForwardStatus, KafkaTarget, printForwardStatus } from "@oplog-collector/collector-core";
import type { Command } from "commander";
import { count, duration } from "../amounts.js";
import { type LogOptions, nameOption, storeOption, withLog } from "../open-log.js";
import { parseCount } from "../parse-count.js";
import { type StatusForms, StatusReport } from "../status-report.js";
import { stopSignal } from "../stop-signal.js";

interface ForwardOptions extends LogOptions {
  to: string;
  untilCovered?: boolean;
  acceptGap?: boolean;
  maxRetries?: number;
  json?: boolean;
}

export const addForward = (program: Command): void => {
  program
    .command("forward")
    .summary("publishes a log to Apache Kafka")
    .description(
      "Publishes every event of a log to Apache Kafka, in order and once, beside its store, until SIGINT or SIGTERM: what the log covers, as soon as it does. Started again, it goes on where it ended, however it ended. A broker that is slow or away holds up nothing: what it missed is read from the store.",
    )
    .addOption(storeOption())
    .addOption(nameOption())
    .requiredOption("--to <uri>", "where to: kafka://host:port[,host:port]?topic=…&format=json|bson, or env:NAME, file-ref:PATH")
    .option("--until-covered", "stop when all that the log covers is published")
    .option("--accept-gap", "when what comes next is no longer in the store: publish a gap that says so and go on, once")
    .option("--max-retries <n>", "give up after so many tries in a row without success (never)", parseCount)
    .option("--json", "print the status as JSON lines: at each change and at least every 5 s")
    .addHelpText("after", HELP)
    .action(forward);
};

const HELP = `
Parameters of the URI: topic (oplog.{log}; with {ns} a topic a namespace), format (json or bson), partitions and replication of topics that are
made, positions (the topic that keeps how far it is), from (oldest or now: where a new one begins), ssl=true, sasl=plain|scram-sha-256|scram-sha-512.

Examples:
  $ oplog forward --store file:///var/lib/oplog --name shop --to kafka://127.0.0.1:9092
  $ KAFKA='kafka://user:secret@k1:9093,k2:9093?ssl=true&sasl=scram-sha-512&topic=changes.{ns}' oplog forward --store env:STORE --name shop --to env:KAFKA`;

async function forward(options: ForwardOptions): Promise<void> {
  using stop = stopSignal();
  await using report = new StatusReport(FORWARD_FORMS, { json: options.json ?? false });
  const target = new KafkaTarget({ uri: options.to, log: options.name, logger: report.logger });
  await withLog(options, async (store) => {
    const forwarder = new Forwarder({
      store,
      target,
      from: target.uri.from,
      acceptGap: options.acceptGap,
      untilCovered: options.untilCovered,
      retry: options.maxRetries === undefined ? {} : { maxRetries: options.maxRetries },
    });
    forwarder.subscribe((status) => report.show(status));
    report.show(forwarder.status);
    await forwarder.run(stop.signal);
  });
}

const FORWARD_FORMS: StatusForms<ForwardStatus> = {
  json: printForwardStatus,
  line: ({ state, target, publishedTo, lagMs, events, gaps, error }) =>
    [
      `${state}: ${target}`,
      error?.message,
      publishedTo !== null && `published to ${dateOf(publishedTo).toISOString()}`,
      lagMs !== null && `lag ${duration(lagMs)}`,
      `${count(events)} events`,
      gaps > 0 && `${count(gaps)} gaps`,
    ]
      .filter(Boolean)
      .join(" · "),
  logged: (status) => {
    const { target, publishedTo, lagMs, events, gaps, error } = printForwardStatus(status);
    return { target, publishedTo, lagMs, events, ...(gaps > 0 && { gaps }), ...(error && { error }) };
  },
};
