import { html, type TemplateResult } from "lit";

/** What somebody has to have at hand who registers a cluster. */
export const registerAdvice = (): TemplateResult => html`<aside class="panel stack" aria-labelledby="advice">
  <h2 id="advice">What it takes</h2>
  <div>
    <h3>A user on the source</h3>
    <p class="muted">
      With the role <code>readAnyDatabase</code>, or <code>read</code> for one database. With <code>clusterMonitor</code> besides, the headroom is known
      and the raw oplog can be captured.
    </p>
  </div>
  <div>
    <h3>A place for the log</h3>
    <p class="muted">A folder on this server, another MongoDB, or <code>s3://bucket/prefix</code>. What destroys the source must not reach it.</p>
  </div>
  <div>
    <h3>Passwords</h3>
    <p class="muted">
      They are encrypted before they are kept, and never shown again. As <code>env:NAME</code> or <code>file-ref:/path</code> the whole address stays out of
      here.
    </p>
  </div>
</aside>`;
