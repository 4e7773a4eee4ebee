/** A manager in a process of its own, as a server has one: gets its options and calls through the pipe of the test that started it. */
import { createManager, SecretBox } from "../../dist/index.js";

/** @type {import("../manager.js").Manager | undefined} */
let manager;

process.on("message", async ({ call, method, args }) => {
  try {
    if (method === "begin") {
      const { key, ...options } = args[0];
      manager = await createManager({ ...options, secrets: SecretBox.fromKeys(key.split(",")) });
      await manager.begin();
      process.send({ call, result: manager.node });
      return;
    }
    process.send({ call, result: await manager[method](...args) });
  } catch (error) {
    process.send({ call, error: { code: error.code, message: error.message, stack: error.stack } });
  }
});
