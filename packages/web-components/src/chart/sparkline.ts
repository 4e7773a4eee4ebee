import { html, nothing, svg, type TemplateResult } from "lit";

const WIDTH = 100;
const HEIGHT = 24;

/** A line without axes, from 0 to its own highest value: how it went, not how much. Unknown values are holes. */
export function sparkline(values: readonly (number | null)[], label: string): TemplateResult | typeof nothing {
  if (values.length < 2) return nothing;
  const top = Math.max(1e-9, ...values.map((value) => value ?? 0));
  const step = WIDTH / (values.length - 1);
  let path = "";
  let drawing = false;
  values.forEach((value, index) => {
    if (value !== null)
      path += `${drawing ? "L" : "M"}${(index * step).toFixed(1)} ${(HEIGHT - 2 - (value / top) * (HEIGHT - 4)).toFixed(1)}`;
    drawing = value !== null;
  });
  return html`<svg class="sparkline" role="img" aria-label=${label} viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none">
    ${svg`<path d=${path} />`}
  </svg>`;
}
