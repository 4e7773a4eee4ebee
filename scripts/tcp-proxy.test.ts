import { connect, createServer } from "node:net";
import { MongoClient, MongoNetworkError } from "mongodb";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startReplicaSet } from "./replica-set.mjs";
import { startProxy } from "./tcp-proxy.mjs";
import { waitFor } from "./wait-for.mjs";

const SLOW = 120_000;

describe("between a driver and a server", () => {
  let set: Awaited<ReturnType<typeof startReplicaSet>>;
  let proxy: Awaited<ReturnType<typeof startProxy>>;
  let client: MongoClient;
  let direct: MongoClient;

  beforeAll(async () => {
    set = await startReplicaSet();
    direct = new MongoClient(set.directUri);
  }, SLOW);
  afterAll(async () => {
    await direct.close();
    await set.stop();
  });
  beforeEach(async () => {
    proxy = await startProxy({ target: { port: set.member(0).port } });
    client = new MongoClient(proxy.uri, { retryWrites: false, retryReads: false });
    await client.db("test").collection("items").deleteMany({});
  });
  afterEach(async () => {
    proxy.heal();
    await client.close();
    await proxy.close();
  });
  const items = () => client.db("test").collection<{ _id: number; text?: string }>("items");
  const stored = () => direct.db("test").collection("items").countDocuments();

  it("loses the answer of an insert that the server has done", async () => {
    let cuts = 0;
    proxy.onClientMessage(({ command, document }) => {
      if (command !== "insert" || document.insert !== "items" || cuts > 0) return "forward";
      cuts += 1;
      return "forward-then-cut-at-answer";
    });
    await expect(items().insertOne({ _id: 1 })).rejects.toThrow(MongoNetworkError);
    expect(await stored()).toBe(1);
    await items().insertOne({ _id: 2 });
    expect(await stored()).toBe(2);
  });

  it("cuts before the server sees an insert", async () => {
    proxy.onClientMessage(({ command }) => (command === "insert" ? "destroy" : "forward"));
    await expect(items().insertOne({ _id: 1 })).rejects.toThrow(MongoNetworkError);
    expect(await stored()).toBe(0);
  });

  it("drops an answer and keeps the connection", async () => {
    proxy.onServerMessage(({ document }) => ("n" in document ? "drop" : "forward"));
    const insert = items().insertOne({ _id: 1 });
    await waitFor("the insert to be done", async () => (await stored()) === 1);
    const sent = proxy.connections.filter(({ commands }) => commands.has("insert"));
    expect(sent).toHaveLength(1); // still open
    proxy.drop();
    await expect(insert).rejects.toThrow(MongoNetworkError);
  });

  it("cuts in the middle of an answer", async () => {
    await items().insertOne({ _id: 1, text: "x".repeat(100_000) });
    const worker = proxy.connections.find(({ commands }) => commands.has("insert"));
    const before = worker?.bytes.toClient ?? 0;
    proxy.cutAfterServerBytes(50_000, ({ commands }) => commands.has("insert"));
    await expect(items().findOne({ _id: 1 })).rejects.toThrow(MongoNetworkError);
    expect(worker?.bytes.toClient).toBe(before + 50_000);
    expect((await items().findOne({ _id: 1 }))?.text).toHaveLength(100_000); // one cut per order
  });

  it("cuts in the middle of a command", async () => {
    proxy.cutAfterClientBytes(10_000, ({ commands }) => commands.has("delete"));
    await expect(items().insertOne({ _id: 1, text: "x".repeat(100_000) })).rejects.toThrow(MongoNetworkError);
    expect(await stored()).toBe(0);
  });

  it("holds back what the server answers until resumed", async () => {
    proxy.pauseToClient();
    const insert = items().insertOne({ _id: 1 });
    await waitFor("the insert to be done", async () => (await stored()) === 1);
    expect(await Promise.race([insert.then(() => "answered"), Promise.resolve("waiting")])).toBe("waiting");
    proxy.resume();
    await expect(insert).resolves.toMatchObject({ insertedId: 1 });
  });

  it("holds back what the client sends until resumed", async () => {
    proxy.pauseToServer();
    const insert = items().insertOne({ _id: 1 });
    await direct.db("test").command({ ping: 1 });
    expect(await stored()).toBe(0);
    proxy.resume();
    await insert;
    expect(await stored()).toBe(1);
  });

  it("delays each message, not the sum of all", async () => {
    proxy.delay(100);
    const start = performance.now();
    await Promise.all(Array.from({ length: 5 }, (_, _id) => items().insertOne({ _id })));
    // A command and its answer wait once each; a new connection begins with up to two more such rounds.
    expect(performance.now() - start).toBeGreaterThanOrEqual(190);
    expect(await stored()).toBe(5);
  });

  it("drops all connections and refuses new ones", async () => {
    expect(proxy.connections.length).toBeGreaterThan(0);
    proxy.refuse(true);
    proxy.drop({ reset: true });
    expect(proxy.connections).toHaveLength(0);
    const impatient = new MongoClient(proxy.uri, { serverSelectionTimeoutMS: 300 });
    await expect(impatient.db("test").command({ ping: 1 })).rejects.toThrow();
    await impatient.close();
    proxy.refuse(false);
    await items().insertOne({ _id: 1 });
    expect(await stored()).toBe(1);
  });
});

it("passes on other protocols, and the end of a connection after all that came before it", async () => {
  const text = "GET / not a MongoDB message ".repeat(10_000);
  const server = createServer((socket) => socket.end(text));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await using proxy = await startProxy({ target: { port } });
  const client = connect({ port: proxy.port, host: "127.0.0.1" });
  let received = "";
  for await (const chunk of client) received += chunk;
  expect(received).toBe(text);
  await new Promise((resolve) => server.close(resolve));
});
