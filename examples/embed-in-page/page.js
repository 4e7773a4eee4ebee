// The host's own session gives the token; it is asked for before each request.
const getToken = () => fetch("/session/token").then((response) => response.text());

for (const element of document.querySelectorAll("oplog-cluster-list, oplog-cluster-card, oplog-coverage-timeline, oplog-lag-chart")) {
  element.endpoint = "/oplog/api";
  element.getToken = getToken;
}

// Events bubble to the page, out of every shadow root.
document.addEventListener("oplog-cluster-open", ({ detail }) => {
  document.querySelector("output").value = detail.name;
});
