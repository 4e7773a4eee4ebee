import { css, html, nothing, type TemplateResult } from "lit";
import type { Feed } from "../api/feed.js";
import { formatUtc } from "../format/times.js";
import { icon } from "../icons.js";

/** Says that what is shown is not of now; nothing while it is. */
export const staleBadge = ({ state, heardAt }: Pick<Feed, "state" | "heardAt">): TemplateResult | typeof nothing =>
  state === "stale"
    ? html`<span class="stale">${icon("retrying")}Connection lost, ${heardAt ? `as of ${formatUtc(heardAt).slice(11)} UTC` : "nothing heard yet"}</span>`
    : nothing;

export const staleBadgeStyles = css`
  .stale {
    display: inline-flex;
    gap: 6px;
    align-items: center;
    width: fit-content;
    padding: 2px 10px;
    border-radius: 99px;
    background: var(--warn-soft);
    color: var(--warn);
    font-size: 12px;
    font-weight: 500;
  }
`;
