import { html, type TemplateResult } from "lit";
import type { Cluster } from "../api/answers.js";
import { wordsOf } from "../format/state-words.js";
import { icon } from "../icons.js";

/** A state in words and shape. */
export function stateBadge(cluster: Pick<Cluster, "state">): TemplateResult {
  const { words, icon: shape, tone, turning } = wordsOf(cluster.state);
  return html`<span class="state ${tone}" part="state">${icon(shape, turning ? "turning" : "")}<span>${words}</span></span>`;
}
