/** Codes of a read that may succeed at another time, or on another server. By code and label, never by the text of a message. */
const TRANSIENT = new Set([
  26, // NamespaceNotFound: dropped or renamed between list and read
  43, // CursorNotFound
  136, // CappedPositionLost: overtaken
  166, // CommandNotSupportedOnView: a view has taken the collection's name
  175, // QueryPlanKilled: dropped or renamed under the cursor
  237, // CursorKilled
  239, // SnapshotTooOld
  246, // SnapshotUnavailable
  // A primary that steps down, shuts down or is not one any more:
  91,
  189,
  10107,
  11600,
  11602,
  13435,
  13436,
]);

const codeOf = (error: unknown): number | undefined => {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "number" ? code : undefined;
};

export const isTransient = (error: unknown): boolean => {
  const { name } = (error ?? {}) as { name?: string };
  const code = codeOf(error);
  return code !== undefined ? TRANSIENT.has(code) : /^Mongo(Network|ServerSelection|PoolCleared|NotPrimary)/.test(name ?? "");
};

/** The server no longer has the past that was asked for: the read took too long. */
export const isSnapshotTooOld = (error: unknown): boolean => codeOf(error) === 239;
