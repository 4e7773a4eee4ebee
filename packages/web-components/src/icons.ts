import { html, svg, type TemplateResult } from "lit";

/** Each has a shape of its own: none is told apart by its colour alone. */
const SHAPES = {
  running: svg`<circle cx="8" cy="8" r="5" fill="currentColor" stroke="none"/>`,
  working: svg`<path d="M13 8a5 5 0 1 1-5-5"/>`,
  stopped: svg`<rect x="4" y="4" width="8" height="8" rx="1" />`,
  retrying: svg`<path d="M8 2.5 14 13H2z"/><path d="M8 6.5v3M8 11.4v.01"/>`,
  error: svg`<path d="M5.5 2h5L14 5.5v5L10.500 14h-5L2 10.500v-5z"/><path d="m6 6 4 4m0-4-4 4"/>`,
  lost: svg`<path d="M2 8h3m6 0h3"/><path d="m6 5 4 6m0-6-4 6"/>`,
  ok: svg`<circle cx="8" cy="8" r="6"/><path d="m5.500 8.200 1.800 1.800 3.400-3.800"/>`,
  warning: svg`<path d="M8 2.5 14 13H2z"/><path d="M8 6.5v3M8 11.4v.01"/>`,
  info: svg`<circle cx="8" cy="8" r="6"/><path d="M8 7.500v3.500M8 5v.01"/>`,
  plus: svg`<path d="M8 3.500v9M3.500 8h9"/>`,
  minus: svg`<path d="M3.500 8h9"/>`,
  close: svg`<path d="m4 4 8 8m0-8-8 8"/>`,
  search: svg`<circle cx="7" cy="7" r="4.200"/><path d="m10.200 10.200 3.300 3.300"/>`,
  copy: svg`<rect x="5.500" y="5.500" width="8" height="8" rx="1.500"/><path d="M10.500 3.500v-.3c0-.7-.5-1.200-1.200-1.200H3.700C3 2 2.500 2.500 2.500 3.200v5.600c0 .7.500 1.200 1.200 1.200H4"/>`,
  right: svg`<path d="m6 3.500 4.500 4.500L6 12.500"/>`,
  down: svg`<path d="m3.500 6 4.500 4.500L12.500 6"/>`,
  left: svg`<path d="M10 3.500 5.500 8 10 12.500"/>`,
  up: svg`<path d="M8 13V3.500M4 7.500l4-4 4 4"/>`,
  mass: svg`<path d="M2.500 13h11L8 3z" fill="currentColor"/>`,
  spike: svg`<path d="M2 12.500h3.500L8 3l2.500 9.500H14"/>`,
  document: svg`<path d="M4 2h5l3 3v9H4z"/><path d="M9 2v3h3M6 8.500h4M6 11h4"/>`,
} as const;

export type IconName = keyof typeof SHAPES;

/** A picture beside words: for the eye only. */
export const icon = (name: IconName, classes = ""): TemplateResult =>
  html`<svg class="icon ${classes}" viewBox="0 0 16 16" aria-hidden="true">${SHAPES[name]}</svg>`;
