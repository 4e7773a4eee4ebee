import type { ManagerApi, ManagerEvent } from "@oplog-collector/manager";
import { Hono } from "hono";
import { streamSSE } from "hono/streaming";
import { clusterJson } from "../cluster-json.js";
import { type EventFeed, type FeedItem, subjectOf } from "../event-feed.js";
import { type ApiEnv, needs } from "../guard.js";
import { type Identity, maySee } from "../identity.js";

/** Proxies and browsers close a connection that says nothing; half of the usual minute. */
const KEEP_ALIVE_MS = 15_000;

function mayHear(identity: Identity, event: ManagerEvent): boolean {
  if (event.kind === "cluster") return maySee(identity, event.cluster);
  if (event.kind === "job") return maySee(identity, { id: event.job.cluster, name: event.job.clusterName });
  // A removed cluster's id says nothing; its name is not in it.
  return true;
}

const dataOf = (event: ManagerEvent): string =>
  event.kind === "cluster"
    ? clusterJson(event.cluster)
    : JSON.stringify(event.kind === "job" ? event.job : { id: event.id, removed: true });

const nameOf = (event: ManagerEvent): string => (event.kind === "job" ? "job" : "cluster");

/** JSON has no line breaks, so it is one line of data. */
const messageOf = (id: string, event: string, data: string): string => `id: ${id}\nevent: ${event}\ndata: ${data}\n\n`;

/** Server-sent events `cluster` and `job`. A browser that reconnects gets what it missed, or everything anew and `complete` after it. */
export const streamRoutes = (manager: ManagerApi, feed: EventFeed) =>
  new Hono<ApiEnv>().get("/stream", needs("viewer"), (c) =>
    streamSSE(c, async (stream) => {
      const identity = c.get("identity");
      // One entry a subject: a slow browser gets the newest word on each, and the queue can't grow.
      const waiting = new Map<string, FeedItem>();
      let wake: () => void = () => {};
      const queue = (item: FeedItem) => {
        const subject = subjectOf(item.event);
        waiting.delete(subject); // so that it goes to the end, and ids stay in order
        waiting.set(subject, item);
        wake();
      };
      const stop = feed.listen(queue);
      stream.onAbort(() => {
        stop();
        wake();
      });
      try {
        const missed = feed.since(c.req.header("last-event-id"));
        if (missed) for (const item of missed) queue(item);
        else {
          const id = feed.lastId;
          const clusters = (await manager.list()).filter((cluster) => maySee(identity, cluster));
          const all = clusters.map((cluster) => messageOf(id, "cluster", clusterJson(cluster)));
          // Whoever showed others until now knows that they are gone.
          const complete = messageOf(id, "complete", JSON.stringify({ clusters: clusters.map((cluster) => cluster.id) }));
          // In one: each write waits for its turn on a server that has other things to do, and the first view waits for the last of them.
          await stream.write(`${all.join("")}${complete}`);
        }
        while (!stream.aborted && !stream.closed) {
          if (waiting.size > 0) {
            const heard = [...waiting.values()].filter(({ event }) => mayHear(identity, event));
            waiting.clear();
            if (heard.length > 0) await stream.write(heard.map(({ id, event }) => messageOf(id, nameOf(event), dataOf(event))).join(""));
            continue;
          }
          const quiet = await new Promise<boolean>((resolve) => {
            const timer = setTimeout(() => resolve(true), KEEP_ALIVE_MS);
            wake = () => {
              clearTimeout(timer);
              resolve(false);
            };
          });
          wake = () => {};
          if (quiet) await stream.write(": still here\n\n");
        }
      } finally {
        stop();
      }
    }),
  );
