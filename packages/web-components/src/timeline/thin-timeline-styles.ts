import { css } from "lit";

export const thinTimelineStyles = css`
  .thin-timeline {
    display: block;
    width: 100%;
    height: 18px;
  }
  .thin-timeline .rail {
    fill: var(--border-strong);
  }
  .thin-timeline .covered {
    fill: var(--covered);
  }
  .thin-timeline .gap {
    fill: var(--danger);
  }
  .thin-timeline .snapshot {
    fill: var(--text);
  }
`;
