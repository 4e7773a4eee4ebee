import { type EventFilters, NO_FILTERS } from "../events/event-list.js";
import type { Moment } from "../timeline/coverage-timeline.js";

/** What a tab of a cluster's page begins with, as its address says it. */
export interface TabParameters {
  filters: EventFilters;
  moment: Moment | null;
  ns: string;
  documentId: string;
}

const known = new WeakMap<URLSearchParams, TabParameters>();

/** The same objects for the same parameters: others would begin anew. */
export function tabParameters(parameters: URLSearchParams): TabParameters {
  const read = known.get(parameters) ?? readParameters(parameters);
  known.set(parameters, read);
  return read;
}

function readParameters(parameters: URLSearchParams): TabParameters {
  const text = (name: string): string => parameters.get(name) ?? "";
  const [ns, documentId] = [text("ns"), text("id")];
  const time = Number(text("time"));
  const clusterTime = text("at");
  return {
    filters: { ...NO_FILTERS, ns, op: text("op"), id: documentId, from: text("from"), to: text("to") },
    moment: time > 0 ? { time, ...(clusterTime && { clusterTime }) } : null,
    ns,
    documentId,
  };
}
