/**
 * The elements as React components: properties are props, events are `on…`.
 *
 *     <Dashboard endpoint="/api" getToken={() => session.token} onClusterOpen={(event) => console.log(event.detail.name)} />
 */
import { createComponent, type EventName } from "@lit/react";
import * as React from "react";
import {
  type Cluster,
  type Job,
  type Moment,
  OplogClusterCard,
  OplogClusterForm,
  OplogClusterList,
  OplogCoverageTimeline,
  OplogDashboard,
  OplogDocumentHistory,
  OplogEventBrowser,
  OplogLagChart,
  OplogRestoreWizard,
} from "./index.js";

interface OpenedCluster {
  id: string;
  name: string;
}

interface RestoreMoment extends Moment {
  cluster: string;
}

const event = <Detail>(name: string) => name as EventName<CustomEvent<Detail>>;

const clusterEvents = { onClusterOpen: event<OpenedCluster>("oplog-cluster-open") };
const formEvents = {
  onClusterRegistered: event<Cluster>("oplog-cluster-registered"),
  onClusterChanged: event<Cluster>("oplog-cluster-changed"),
};
const restoreEvents = { onRestoreStarted: event<Job>("oplog-restore-started"), onRestoreEnded: event<Job>("oplog-restore-ended") };
const timelineEvents = { onMomentChange: event<Moment>("oplog-moment-change") };
const eventEvents = {
  onRestoreBefore: event<RestoreMoment>("oplog-restore-before"),
  onDocumentOpen: event<{ cluster: string; ns: string; id: string }>("oplog-document-open"),
};

export const Dashboard = createComponent({
  tagName: "oplog-dashboard",
  elementClass: OplogDashboard,
  react: React,
  events: {
    ...clusterEvents,
    ...formEvents,
    ...restoreEvents,
    ...timelineEvents,
    ...eventEvents,
    onNavigate: event<{ hash: string }>("oplog-navigate"),
    onClusterRemoved: event<OpenedCluster>("oplog-cluster-removed"),
  },
});

export const ClusterList = createComponent({
  tagName: "oplog-cluster-list",
  elementClass: OplogClusterList,
  react: React,
  events: clusterEvents,
});
export const ClusterCard = createComponent({
  tagName: "oplog-cluster-card",
  elementClass: OplogClusterCard,
  react: React,
  events: clusterEvents,
});
export const ClusterForm = createComponent({
  tagName: "oplog-cluster-form",
  elementClass: OplogClusterForm,
  react: React,
  events: { ...formEvents, onCancel: event<null>("oplog-cancel") },
});
export const CoverageTimeline = createComponent({
  tagName: "oplog-coverage-timeline",
  elementClass: OplogCoverageTimeline,
  react: React,
  events: timelineEvents,
});
export const LagChart = createComponent({ tagName: "oplog-lag-chart", elementClass: OplogLagChart, react: React });
export const EventBrowser = createComponent({
  tagName: "oplog-event-browser",
  elementClass: OplogEventBrowser,
  react: React,
  events: eventEvents,
});
export const RestoreWizard = createComponent({
  tagName: "oplog-restore-wizard",
  elementClass: OplogRestoreWizard,
  react: React,
  events: { ...restoreEvents, ...timelineEvents },
});
export const DocumentHistory = createComponent({
  tagName: "oplog-document-history",
  elementClass: OplogDocumentHistory,
  react: React,
  events: { onRestoreBefore: eventEvents.onRestoreBefore },
});
