import type { Cluster } from "../api/answers.js";
import { counted } from "../format/amounts.js";

/** What is asked about before it is done. */
export type Danger = "reset" | "remove" | "gap";

export interface DangerWords {
  title: string;
  action: string;
  /** What will happen. */
  text: string;
  /** What has to be typed; empty: a button is enough. */
  word: string;
}

export function dangerWords(danger: Danger, { name, log }: Pick<Cluster, "name" | "log">, keepData: boolean): DangerWords {
  switch (danger) {
    case "reset": {
      const held = log ? `: ${counted(log.events, "event")}, ${counted(log.snapshots, "base snapshot")}` : "";
      return {
        title: `Reset ${name}?`,
        action: "Wipe and start anew",
        text: `Everything that its log holds is wiped${held}. No moment before now can be restored after that.`,
        word: name,
      };
    }
    case "remove":
      return {
        title: `Remove ${name}?`,
        action: keepData ? "Remove" : "Remove and wipe",
        text: "Its collector stops and its registration is deleted.",
        word: name,
      };
    case "gap":
      return {
        title: "Continue over the gap?",
        action: "Continue",
        text: "What the log holds stays. What happened between its end and the oldest event that the source still has is lost: it is stored as a gap, and no moment in it can be restored. A new base snapshot is needed for what comes after.",
        word: "",
      };
  }
}
