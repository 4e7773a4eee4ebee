import { css, html, type TemplateResult } from "lit";

/** A cluster's name as a link, or as a button where there is no page to link to. `open` tells the host, and says whether to go on. */
export function clusterName({ name }: { name: string }, linkBase: string | undefined, open: () => boolean): TemplateResult {
  const click = (event: Event) => {
    if (!open()) event.preventDefault();
  };
  return linkBase === undefined
    ? html`<button class="link name" @click=${click}>${name}</button>`
    : html`<a class="name" href="${linkBase}${encodeURIComponent(name)}" @click=${click}>${name}</a>`;
}

export const clusterNameStyles = css`
  a.name,
  button.name {
    font-weight: 600;
    text-decoration: none;
  }
  a.name:hover,
  button.name:hover {
    text-decoration: underline;
  }
`;
