import { html } from "lit";
import { customElement, property } from "lit/decorators.js";
import { OplogElement } from "../oplog-element.js";
import { styles } from "../styles.js";
import type { ClusterTab } from "./route.js";
import "./cluster-card.js";

@customElement("oplog-cluster-page")
export class OplogClusterPage extends OplogElement {
  static override styles = [styles];
  @property() cluster = "";
  @property() tab: ClusterTab = "overview";
  @property({ attribute: false }) parameters = new URLSearchParams();
  @property({ attribute: "role-of-user" }) roleOfUser: "viewer" | "operator" | "admin" = "admin";

  override render() {
    return html`<oplog-cluster-card cluster=${this.cluster} endpoint=${this.endpoint} .getToken=${this.getToken}></oplog-cluster-card>`;
  }
}
