import { html, nothing, type TemplateResult } from "lit";
import type { ApiError } from "./api/api-client.js";
import type { Feed } from "./api/feed.js";
import { icon } from "./icons.js";

/** What was refused or went wrong, and what to do about it. */
export const failureNotice = ({ message, hint }: Pick<ApiError, "message" | "hint">, actions: unknown = nothing): TemplateResult =>
  html`<div class="notice danger" role="alert">${icon("error")}<strong>${message}</strong>${hint ? html`<span>${hint}</span>` : nothing}${actions}</div>`;

/** Instead of what can't be shown before the feed has come: it is on its way, or why it is not. */
export const waitingFor = ({ state, error }: Pick<Feed, "state" | "error">, loading: TemplateResult): TemplateResult =>
  error && (state === "denied" || state === "stale") ? failureNotice(error) : loading;

/** Instead of a cluster that the feed does not have. */
export const missingCluster = (feed: Pick<Feed, "state" | "error" | "loaded">, cluster: string): TemplateResult =>
  feed.loaded && feed.state !== "denied"
    ? html`<p class="panel nothing muted" role="status">There is no cluster ${cluster}, or your token may not see it.</p>`
    : waitingFor(feed, html`<p class="panel nothing muted" role="status">Loading …</p>`);
