import { css } from "lit";

export const stateBadgeStyles = css`
  .state {
    display: inline-flex;
    align-items: center;
    gap: 6px;
    font-weight: 500;
    white-space: nowrap;
    vertical-align: middle;
  }
  .state.ok > svg {
    color: var(--ok);
  }
  .state.warn {
    color: var(--warn);
  }
  .state.danger {
    color: var(--danger);
  }
  .state.muted > svg {
    color: var(--muted);
  }
`;
