import { css } from "lit";

export const clusterTableStyles = css`
  .frame {
    padding: 0;
    overflow: hidden;
  }
  th > button {
    min-height: 24px;
    padding: 0;
    border: 0;
    background: none;
    color: inherit;
    gap: 2px;
  }
  th > button svg {
    width: 12px;
    height: 12px;
  }
  thead th {
    background: var(--surface);
    padding-block: 4px;
  }
  tbody tr:hover {
    background: var(--sunken);
  }
  td.cluster {
    max-width: 0;
    width: 24%;
    min-width: 160px;
  }
  td.cluster > * {
    display: block;
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
  }
  td.covered {
    width: 20%;
    min-width: 150px;
  }
  .rate {
    display: flex;
    gap: 10px;
    justify-content: end;
    align-items: center;
  }
  .why {
    max-width: 30ch;
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
  }
`;
