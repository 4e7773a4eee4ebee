import { css } from "lit";

export const clusterFigureStyles = css`
  .figure-warning {
    display: inline-flex;
    align-items: center;
    gap: 4px;
    color: var(--warn);
    font-weight: 500;
  }
`;
