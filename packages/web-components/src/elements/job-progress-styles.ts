import { css } from "lit";

export const jobProgressStyles = css`
  .job-progress {
    display: grid;
    gap: 4px;
    font-size: 12px;
    line-height: 16px;
    color: var(--muted);
    margin-top: 4px;
  }
  progress {
    width: 100%;
    height: 6px;
    border: 0;
    border-radius: 3px;
    overflow: hidden;
    accent-color: var(--accent);
    background: var(--sunken);
  }
  progress::-webkit-progress-bar {
    background: var(--sunken);
  }
  progress::-webkit-progress-value {
    background: var(--accent);
  }
  progress::-moz-progress-bar {
    background: var(--accent);
  }
`;
