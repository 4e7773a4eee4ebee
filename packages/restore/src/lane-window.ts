import type { ClusterTime } from "@oplog-collector/collector-core";
import type { Write } from "./operation.js";
import type { ApplyMode } from "./statement.js";
import { encodeStatement, type Statement, type WriteCommand } from "./statement.js";

/** Where in the log a statement comes from, to name it when the target refuses it. */
export interface EventPlace {
  segment: number;
  clusterTime: ClusterTime;
}

export interface PlacedStatement extends Statement {
  place: EventPlace;
  write: Write;
}

/** Statements of one command on one namespace, in the order of the log for each document. */
export interface Group {
  namespace: string;
  command: WriteCommand;
  statements: PlacedStatement[];
}

const ORDER: Record<WriteCommand, number> = { insert: 0, update: 1, delete: 2 };
const COMMANDS: readonly WriteCommand[] = ["insert", "update", "delete"];

/**
 * Writes that wait to be sent together. They are regrouped into as few commands as can be, inserts before updates before deletes, and again:
 * each write goes into the first group of its command that is not before the last group of the same document. So each document sees its
 * changes in the order of the log; those of different documents, which don't depend on one another, change places.
 */
export class LaneWindow {
  events = 0;
  bytes = 0;
  private readonly namespaces = new Map<string, NamespaceWindow>();

  /** `document`: equal for writes that must keep their order. */
  add(write: Write, namespace: string, document: string, place: EventPlace, mode: ApplyMode): void {
    const statement = encodeStatement(write, mode);
    let window = this.namespaces.get(namespace);
    if (!window) {
      window = { groups: [], last: new Map() };
      this.namespaces.set(namespace, window);
    }
    const previous = window.last.get(document) ?? 0;
    const wanted = ORDER[statement.command];
    const place3 = previous % 3;
    const group = previous - place3 + (wanted >= place3 ? wanted : wanted + 3);
    if (group !== previous || previous === 0) window.last.set(document, group);
    (window.groups[group] ??= []).push({ ...statement, place, write });
    this.events++;
    this.bytes += statement.bytes.length;
  }

  /** The groups in the order in which they may be sent. */
  *groups(): Generator<Group> {
    for (const [namespace, { groups }] of this.namespaces)
      for (let index = 0; index < groups.length; index++) {
        const statements = groups[index];
        if (statements) yield { namespace, command: COMMANDS[index % 3]!, statements };
      }
  }
}

interface NamespaceWindow {
  /** Sparse: the command of a group is its index modulo three. */
  groups: (PlacedStatement[] | undefined)[];
  /** The last group that holds a write of a document. */
  last: Map<string, number>;
}
