import type { ClusterTime } from "./cluster-time.js";
import { missingKey } from "./encryption.js";
import { OplogError } from "./errors.js";
import { comparePositions, type Position } from "./position.js";
import { decodeHeader, type EventFormat, type SourceIdentity } from "./segment.js";
import type { LogHead } from "./segment-writer.js";
import type { Checkpoint, Store } from "./store.js";

/** What a log that exists already says about how to go on. */
export interface Recovered {
  /** The newest segment. */
  head: LogHead;
  /** Where to go on: the newest segment's end, or a later position that a checkpoint knows of. */
  position: Position;
  coveredTo: ClusterTime;
  source: SourceIdentity;
  format: EventFormat;
  /** The source's clock at the last event. */
  lastEventAt: Date | null;
}

/**
 * Derives the end of the log from what is stored and from nothing else: the newest segment, or a checkpoint written after it. A checkpoint from
 * before the newest segment says nothing. Null when the log is empty.
 */
export async function recover(store: Store, checkpoint: Checkpoint | null): Promise<Recovered | null> {
  for await (const { number, hash, header: bytes } of store.headers({ reverse: true })) {
    const { to, coveredTo, source, format, encryption } = decodeHeader(bytes);
    if (encryption && !store.keys) throw missingKey("This log is encrypted and would go on unencrypted", undefined);
    if (!source) throw new OplogError("DAMAGED", `Segment ${number} does not say which deployment it is of`, { hint: "Run verify." });
    const ahead = checkpoint?.afterSegment === number && comparePositions(checkpoint.position, to) >= 0;
    return {
      head: { number, hash, position: to, coveredTo },
      position: ahead ? checkpoint.position : to,
      coveredTo: ahead && checkpoint.coveredTo > coveredTo ? checkpoint.coveredTo : coveredTo,
      source,
      format: source.format ?? format,
      lastEventAt: to.wallTime,
    };
  }
  return null;
}

/** Refuses to go on with a log of another deployment: its history would be mixed with a foreign one. */
export function checkSameSource(stored: SourceIdentity, found: SourceIdentity): void {
  const differs = (what: string) =>
    new OplogError("SOURCE_MISMATCH", `This log was begun on another source: ${what}`, {
      hint: "Check the source's URI. To capture this deployment, begin a log under another name.",
    });
  if (stored.database !== found.database) throw differs(`it covers ${scope(stored)}, now ${scope(found)} is asked for`);
  if (stored.replicaSetId && found.replicaSetId && stored.replicaSetId !== found.replicaSetId)
    throw differs(
      `deployment ${stored.replicaSetId} (${stored.setName ?? "sharded"}), now deployment ${found.replicaSetId} (${found.setName ?? "sharded"}) answers`,
    );
  if (stored.setName !== found.setName)
    throw differs(`the set ${stored.setName ?? "(sharded)"}, now ${found.setName ?? "(sharded)"} answers`);
}

const scope = ({ database }: SourceIdentity): string => (database === null ? "the whole deployment" : `the database ${database}`);
