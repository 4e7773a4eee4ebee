import { html, nothing, type TemplateResult } from "lit";

export interface FormField {
  name: string;
  label: string;
  value: string;
  hint?: string | TemplateResult;
  problem?: string;
  type?: "text" | "number";
  placeholder?: string;
  required?: boolean;
  mono?: boolean;
}

/** A text field with its label, its hint, and what is wrong with it beside it. */
export function formField({ name, label, value, hint, problem, type = "text", placeholder, required, mono }: FormField): TemplateResult {
  const described = [hint ? `${name}-hint` : "", problem ? `${name}-problem` : ""].filter(Boolean).join(" ");
  return html`<div class="field">
    <label for=${name}>${label}${required ? nothing : html` <span class="muted optional">optional</span>`}</label>
    <input
      id=${name}
      name=${name}
      class=${mono ? "mono" : ""}
      type=${type}
      step="any"
      .value=${value}
      placeholder=${placeholder ?? nothing}
      ?required=${required}
      autocomplete="off"
      autocapitalize="off"
      spellcheck="false"
      aria-invalid=${problem ? "true" : "false"}
      aria-describedby=${described || nothing}
    />
    ${problem ? html`<span class="problem" id="${name}-problem">${problem}</span>` : nothing}
    ${hint ? html`<span class="muted small" id="${name}-hint">${hint}</span>` : nothing}
  </div>`;
}
