import type { Document } from "mongodb";

/** How a change stream is opened: from the most exact way to the plainest. */
export interface StreamOptions {
  /** The server's own update diffs, system collections and copies made by the server: undocumented, so asked for and not relied on. */
  exact: boolean;
  /** `$changeStreamSplitLargeEvent` (6.0.9 and newer): events beyond 16 MiB come in fragments. */
  split: boolean;
}

/** In the order in which they are tried. */
export const STREAM_OPTIONS: readonly StreamOptions[] = [
  { exact: true, split: true },
  { exact: true, split: false },
  { exact: false, split: true },
  { exact: false, split: false },
];

/** Codes by which a server says that it does not know, or does not allow, one of the options. */
const OPTION_REFUSED = new Set([
  9, // FailedToParse
  72, // InvalidOptions
  115, // CommandNotSupported
  323, // APIStrictError
  40324, // unknown stage: no $changeStreamSplitLargeEvent
  40415, // unknown field: no such flag
]);

export const isOptionRefused = (code: number | undefined): boolean => code !== undefined && OPTION_REFUSED.has(code);

/** The pipeline of a stream over the whole deployment (on `admin`) or over one database. Never `updateLookup`: it returns a later state. */
export function streamPipeline(options: StreamOptions, scope: { wholeDeployment: boolean; sharded: boolean }, start: Document): Document[] {
  const changeStream: Document = {
    ...(scope.wholeDeployment && { allChangesForCluster: true }),
    showExpandedEvents: true,
    // Through mongos showMigrationEvents would show the copies of chunk migrations as writes.
    ...(options.exact && { showRawUpdateDescription: true, showSystemEvents: true, ...(!scope.sharded && { showMigrationEvents: true }) }),
    ...start,
  };
  return [{ $changeStream: changeStream }, ...(options.split ? [{ $changeStreamSplitLargeEvent: {} }] : [])];
}

/** What the chosen way can't carry. `oplogReadable`: what the stream can't deliver is read from the oplog. */
export function streamNotes(options: StreamOptions, oplogReadable: boolean): string[] {
  const notes: string[] = [];
  if (!options.exact)
    notes.push(
      "The server does not give its exact update diffs: field order after pipeline updates, dotted names, time series and system collections may not be restored exactly.",
    );
  if (!options.split && !oplogReadable)
    notes.push("The server has no $changeStreamSplitLargeEvent (6.0.9 and newer have it): an event beyond 16 MiB can't be delivered.");
  return notes;
}
