import type { ClusterTime } from "@oplog-collector/collector-core";
import type { Write } from "./operation.js";
import type { LogPlace } from "./progress.js";
import { type ApplyMode, encodeWrite, type Statement, type WriteCommand } from "./statement.js";

/** Where in the log a statement comes from. */
export interface EventPlace extends LogPlace {
  clusterTime: ClusterTime;
}

export interface PlacedStatement extends Statement {
  place: EventPlace;
  write: Write;
}

/** Statements of one command on one namespace, to be sent in this order. */
export interface Group {
  namespace: string;
  command: WriteCommand;
  statements: PlacedStatement[];
}

/** The writes on one namespace that wait to be sent together. */
export interface NamespaceWrites {
  /** Regrouped into as few commands as can be; each document sees its changes in the order of the log. */
  groups: Group[];
  /** The same in the order of the log, where documents are not independent of each other. */
  sequence: PlacedStatement[] | null;
}

const COMMANDS: readonly WriteCommand[] = ["insert", "update", "delete"];
const ORDER: Record<WriteCommand, number> = { insert: 0, update: 1, delete: 2 };

/**
 * Writes that wait to be sent together. They are regrouped: inserts, updates, deletes, and again; each write goes into the first group of its
 * command that is not before the last group of the same document. So only changes of different documents, which don't depend on one another,
 * change places.
 */
export class LaneWindow {
  events = 0;
  bytes = 0;
  private readonly namespaces = new Map<string, NamespaceWindow>();

  /** `document`: equal for writes that must keep their order. `sequence`: the order of the log is wanted as well. */
  add(write: Write, namespace: string, document: string, place: EventPlace, mode: ApplyMode, sequence: boolean): void {
    let window = this.namespaces.get(namespace);
    if (!window) {
      window = { groups: [], last: new Map(), sequence: sequence ? [] : null };
      this.namespaces.set(namespace, window);
    }
    const { command, bytes, mustMatch, exact, delta } = encodeWrite(write, mode);
    // One shape for all, field by field: spreading objects of several shapes took half of this function's time.
    const statement: PlacedStatement = { command, bytes, mustMatch, exact, delta, place, write };
    const previous = window.last.get(document);
    const index = nextGroup(previous, ORDER[statement.command]);
    if (index !== previous) window.last.set(document, index);
    const group = window.groups[index];
    if (group) group.push(statement);
    else window.groups[index] = [statement];
    window.sequence?.push(statement);
    this.events++;
    this.bytes += statement.bytes.length;
  }

  *writes(): Generator<NamespaceWrites> {
    for (const [namespace, { groups, sequence }] of this.namespaces)
      yield {
        groups: groups.flatMap((statements, index) => (statements ? [{ namespace, command: COMMANDS[index % 3]!, statements }] : [])),
        sequence,
      };
  }
}

interface NamespaceWindow {
  /** Sparse: the command of a group is its index modulo three. */
  groups: (PlacedStatement[] | undefined)[];
  /** The last group that holds a write of a document. */
  last: Map<string, number>;
  sequence: PlacedStatement[] | null;
}

/** The first group for a command of this order at or after the previous one of the same document. */
function nextGroup(previous: number | undefined, order: number): number {
  if (previous === undefined) return order;
  const within = previous % 3;
  return previous - within + (order >= within ? order : order + 3);
}
