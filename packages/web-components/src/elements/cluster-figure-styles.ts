import { css } from "lit";

export const clusterFigureStyles = css`
  .figure-warning {
    display: inline-flex;
    align-items: center;
    vertical-align: middle;
    gap: 4px;
    color: var(--warn);
    font-weight: 500;
  }
`;
