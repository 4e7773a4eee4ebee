import { html } from "lit";

/** The product's sign: a log with a cursor in it. */
export const mark = html`<svg viewBox="0 0 32 32" aria-hidden="true">
  <rect width="32" height="32" rx="7" fill="#1d4ed8" />
  <path d="M6 20h6m3 0h11" stroke="#fff" stroke-width="4" stroke-linecap="round" />
  <path d="M20 8v7" stroke="#9ec5ff" stroke-width="3" stroke-linecap="round" />
  <circle cx="20" cy="20" r="3.600" fill="#fff" />
</svg>`;
