import { css } from "lit";

export const restoreWizardStyles = css`
  :host,
  .steps {
    display: grid;
    gap: 16px;
    grid-template-columns: minmax(0, 1fr);
  }
  h2 {
    display: flex;
    align-items: center;
    gap: 10px;
    margin-bottom: 12px;
  }
  .number-mark {
    display: grid;
    place-items: center;
    width: 22px;
    height: 22px;
    border-radius: 50%;
    background: var(--accent-soft);
    color: var(--accent);
    font-size: 12px;
  }
  form {
    max-width: 760px;
  }
  .time {
    max-width: 420px;
  }
  .fields {
    display: grid;
    gap: 16px;
    grid-template-columns: repeat(auto-fit, minmax(min(100%, 300px), 1fr));
    margin-top: 12px;
  }
  details ul {
    margin-top: 8px;
    max-height: 240px;
    overflow: auto;
  }
  dl.plan {
    display: grid;
    gap: 10px 24px;
    grid-template-columns: repeat(auto-fit, minmax(min(100%, 280px), 1fr));
  }
  dd {
    overflow-wrap: anywhere;
  }
`;
