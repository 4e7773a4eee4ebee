import type { EventRow } from "../api/answers.js";
import { type ApiClient, clusterPath, query } from "../api/api-client.js";

export interface EventFilters {
  ns: string;
  op: string;
  id: string;
  from: string;
  to: string;
}

export const NO_FILTERS: EventFilters = { ns: "", op: "", id: "", from: "", to: "" };

interface Page {
  rows: EventRow[];
  cursor: string | null;
}

const PAGE = 50;
/** A live tail on a busy source: older ones are a page away. */
const MOST_LIVE = 500;

/** Events of a cluster, the newest first, page by page; and what has come since. */
export class EventList {
  rows: EventRow[] = [];
  /** Of the next older page; null: there is none. */
  cursor: string | null = null;

  constructor(
    private readonly api: ApiClient,
    private readonly cluster: string,
    private readonly filters: EventFilters,
  ) {}

  async older(): Promise<void> {
    const { rows, cursor } = await this.page({ cursor: this.cursor, limit: PAGE });
    this.rows = [...this.rows, ...rows];
    this.cursor = cursor;
  }

  /** What came after the newest one that is here. */
  async newer(): Promise<void> {
    const newest = this.rows[0]?.position;
    const { rows } = await this.page({
      limit: newest ? MOST_LIVE : PAGE,
      from: newest ? (newest.token ?? newest.clusterTime) : this.filters.from,
    });
    if (rows.length > 0) this.rows = [...rows, ...this.rows].slice(0, MOST_LIVE);
  }

  private page(more: Record<string, string | number | null>): Promise<Page> {
    return this.api.ask<Page>(clusterPath(this.cluster, `/events${query({ ...this.filters, order: "newest", ...more })}`));
  }
}

/** Tells an event from all others of its log. */
export const keyOf = ({ position, namespace, operation, event }: EventRow): string =>
  position.token ?? `${position.clusterTime} ${namespace} ${operation} ${event.length}`;
