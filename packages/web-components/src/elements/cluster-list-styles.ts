import { css } from "lit";

export const clusterListStyles = css`
  :host {
    container-type: inline-size;
  }
  .toolbar {
    display: flex;
    flex-wrap: wrap;
    gap: 8px;
    align-items: center;
  }
  .search {
    position: relative;
    flex: 1 1 260px;
    max-width: 400px;
  }
  .search > svg {
    position: absolute;
    inset: 7px auto auto 8px;
    color: var(--muted);
  }
  .search > input {
    padding-left: 30px;
  }
  .toolbar > select {
    width: auto;
  }
  .cards {
    display: grid;
    gap: 12px;
    grid-template-columns: repeat(auto-fill, minmax(min(100%, 320px), 1fr));
  }
  .skeleton {
    height: 48px;
    border-bottom: 1px solid var(--border);
    background: linear-gradient(90deg, var(--sunken) 0 18%, transparent 18% 22%, var(--sunken) 22% 32%, transparent 32% 36%, var(--sunken) 36% 60%, transparent 60%)
      center / 100% 12px no-repeat;
  }
`;
