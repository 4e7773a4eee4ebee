import { createServer } from "node:net";

/**
 * Below 32768, where Linux starts taking ports for outgoing connections: a
 * server that is down for a while, as in a failover test, must find its port
 * still free. Above 20000 few services have a fixed port.
 */
const [LOWEST, HIGHEST] = [20_000, 32_000];

/** @returns {Promise<number>} a port of 127.0.0.1 that was free a moment ago */
export async function freePort() {
  for (;;) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST));
    if (await isFree(port)) return port;
  }
}

/** @param {number} port @returns {Promise<boolean>} */
function isFree(port) {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => server.close(() => resolve(true)));
  });
}
