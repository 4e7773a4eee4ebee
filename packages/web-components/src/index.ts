/**
 * The dashboard and its parts as custom elements: importing this defines them.
 *
 *     <script type="module" src="…/oplog.js"></script>
 *     <oplog-dashboard endpoint="/api"></oplog-dashboard>
 */
export type { Cluster, Coverage, DoctorCheck, EventRow, Job, RestorePlan } from "./api/answers.js";
export type { GetToken } from "./api/api-client.js";
export { OplogLagChart } from "./chart/lag-chart.js";
export { OplogRateChart } from "./chart/rate-chart.js";
export { OplogClusterCard } from "./elements/cluster-card.js";
export { OplogClusterForm } from "./elements/cluster-form.js";
export { OplogClusterList } from "./elements/cluster-list.js";
export { OplogClusterPage } from "./elements/cluster-page.js";
export { OplogDashboard } from "./elements/dashboard.js";
export { OplogJobList } from "./elements/job-list.js";
export { OplogLogTail } from "./elements/log-tail.js";
export { OplogDocumentHistory } from "./events/document-history.js";
export { OplogEventBrowser } from "./events/event-browser.js";
export { OplogElement, type Theme } from "./oplog-element.js";
export { OplogRestoreWizard } from "./restore/restore-wizard.js";
export { type Moment, OplogCoverageTimeline } from "./timeline/coverage-timeline.js";
