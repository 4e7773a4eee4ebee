/**
 * The dashboard and its parts as custom elements: importing this defines them.
 *
 *     <script type="module" src="…/oplog.js"></script>
 *     <oplog-dashboard endpoint="/api"></oplog-dashboard>
 */
export type { Cluster, Coverage, DoctorCheck, EventRow, Job, RestorePlan } from "./api/answers.js";
export type { GetToken } from "./api/api-client.js";
export { OplogClusterCard } from "./elements/cluster-card.js";
export { OplogClusterForm } from "./elements/cluster-form.js";
export { OplogClusterList } from "./elements/cluster-list.js";
export { OplogDashboard } from "./elements/dashboard.js";
export { OplogElement, type Theme } from "./oplog-element.js";
