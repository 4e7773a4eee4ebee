import type { Cluster, Job } from "./answers.js";
import { type ApiClient, ApiError } from "./api-client.js";
import { type RecentFigures, RecentSeries } from "./recent-series.js";
import { readServerEvents, type ServerEvent } from "./server-events.js";

/** `stale`: the connection is lost, what is shown is of then; `denied`: the token is missing, wrong, or its role not enough. */
export type FeedState = "connecting" | "live" | "stale" | "denied";

/** The server gives a sign of life each 15 s; twice that and a bit is a connection that is dead without having said so. */
const SILENCE_MS = 35_000;

/** Soon, since a server that restarts is back in seconds; seldom enough when it is not. */
const RETRY_MS = [250, 500, 1_000, 2_000, 3_000] as const;

/** A page that nobody sees gives its connection back after this: a browser allows six to a server, for all its tabs together. */
const HIDDEN_MS = 20_000;

/** Clusters and jobs as they are at the moment, by server-sent events. One for all elements of a page that ask the same API. */
export class Feed {
  state: FeedState = "connecting";
  readonly clusters: ReadonlyMap<string, Cluster>;
  readonly jobs: ReadonlyMap<string, Job>;
  /** Rates and lags of the last minutes. */
  readonly recent = new RecentSeries();
  /** The list of clusters is complete. */
  loaded = false;
  /** When the server was last heard. */
  heardAt = 0;
  error: ApiError | null = null;
  /** Grows when something changes that a person waits for: the first list, a connection lost or back, a state. Figures can wait. */
  urgency = 0;
  private readonly knownClusters = new Map<string, Cluster>();
  private readonly knownJobs = new Map<string, Job>();
  private readonly listeners = new Set<() => void>();
  private lastId = "";
  private connection: AbortController | null = null;
  private told: number | null = null;
  private hiddenTimer: ReturnType<typeof setTimeout> | null = null;
  private wakeRetry: () => void = () => {};

  constructor(private readonly api: ApiClient) {
    this.clusters = this.knownClusters;
    this.jobs = this.knownJobs;
  }

  /** Runs while somebody listens; returns the function that ends it. */
  listen(listener: () => void): () => void {
    this.listeners.add(listener);
    if (this.listeners.size === 1) {
      document.addEventListener("visibilitychange", this.onVisibility);
      this.open();
    }
    return () => {
      this.listeners.delete(listener);
      if (this.listeners.size > 0) return;
      document.removeEventListener("visibilitychange", this.onVisibility);
      this.close();
    };
  }

  /** Tries now: the token has changed, or the user asks for it. */
  retry(): void {
    this.close();
    this.open();
  }

  /** What an answer to a request says is newer than the last event. */
  note(cluster: Cluster): void {
    this.know(cluster);
    this.tell();
  }

  noteJob(job: Job): void {
    this.knowJob(job);
    this.tell();
  }

  private know(cluster: Cluster): void {
    const before = this.knownClusters.get(cluster.id);
    const same = before?.state === cluster.state && before.desired === cluster.desired && before.error?.message === cluster.error?.message;
    if (!same) this.urgency++;
    this.knownClusters.set(cluster.id, cluster);
  }

  private knowJob(job: Job): void {
    if (this.knownJobs.get(job.id)?.state !== job.state) this.urgency++;
    this.knownJobs.set(job.id, job);
  }

  find(idOrName: string): Cluster | undefined {
    const known = this.clusters.get(idOrName);
    if (known) return known;
    for (const cluster of this.clusters.values()) if (cluster.name === idOrName) return cluster;
    return undefined;
  }

  private open(): void {
    if (this.connection || this.listeners.size === 0) return;
    this.connection = new AbortController();
    void this.run(this.connection);
  }

  private close(): void {
    this.connection?.abort();
    this.connection = null;
    this.wakeRetry();
  }

  private readonly onVisibility = (): void => {
    if (this.hiddenTimer !== null) clearTimeout(this.hiddenTimer);
    this.hiddenTimer = null;
    if (document.hidden) this.hiddenTimer = setTimeout(() => this.close(), HIDDEN_MS);
    else this.open();
  };

  private async run(connection: AbortController): Promise<void> {
    for (let attempt = 0; !connection.signal.aborted; attempt++) {
      try {
        await this.read(connection, () => {
          attempt = 0;
        });
        throw new ApiError(0, "The server closed the connection", "It is tried again by itself.");
      } catch (error) {
        if (connection.signal.aborted) return;
        this.error =
          error instanceof ApiError ? error : new ApiError(0, "The connection to the server is lost", "It is tried again by itself.");
        this.state = this.error.isDenied ? "denied" : "stale";
        this.urgency++;
        this.tell();
        // A wrong token does not become right by itself.
        if (this.state === "denied") {
          this.connection = null;
          return;
        }
      }
      await this.pause(RETRY_MS[Math.min(attempt, RETRY_MS.length - 1)]!);
    }
  }

  private async read({ signal }: AbortController, onOpen: () => void): Promise<void> {
    const silence = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const heard = () => {
      this.heardAt = Date.now();
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), SILENCE_MS);
    };
    try {
      const headers = { accept: "text/event-stream", ...(this.lastId && { "last-event-id": this.lastId }) };
      const response = await this.api.send("/stream", { headers, signal: AbortSignal.any([signal, silence.signal]) });
      heard();
      onOpen();
      if (this.loaded) this.live();
      for await (const event of readServerEvents(response.body!)) {
        if (signal.aborted) return;
        heard();
        if (event) this.take(event);
      }
    } finally {
      clearTimeout(timer);
    }
  }

  private live(): void {
    this.state = "live";
    this.error = null;
    this.urgency++;
    this.tell();
  }

  private take({ id, event, data }: ServerEvent): void {
    if (id) this.lastId = id;
    const subject = JSON.parse(data) as unknown;
    if (event === "cluster") this.takeCluster(subject as Cluster & { removed?: boolean });
    else if (event === "job") this.knowJob(subject as Job);
    else if (event === "complete") this.takeComplete(subject as { clusters: string[] });
    if (this.loaded && this.state !== "live") this.live();
    this.tell();
  }

  private takeCluster(cluster: Cluster & { removed?: boolean }): void {
    if (cluster.removed) {
      this.knownClusters.delete(cluster.id);
      this.recent.drop(cluster.id);
      this.urgency++;
      return;
    }
    this.know(cluster);
    this.recent.note(cluster);
  }

  private takeComplete({ clusters }: { clusters: string[] }): void {
    const known = new Set(clusters);
    for (const id of this.knownClusters.keys()) if (!known.has(id)) this.knownClusters.delete(id);
    this.loaded = true;
    this.urgency++;
    // Not worth an error: the lines then begin with this page.
    void this.api.ask<RecentFigures[]>("/recent").then(
      (figures) => {
        this.recent.begin(figures);
        this.urgency++; // the lines belong to the first view
        this.tell();
      },
      () => {},
    );
  }

  /** Many events come at once; what is shown changes once a frame at most. */
  private tell(): void {
    this.told ??= requestAnimationFrame(() => {
      this.told = null;
      for (const listener of this.listeners) listener();
    });
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.wakeRetry = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
