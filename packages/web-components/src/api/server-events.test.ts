import { expect, test } from "vitest";
import { readServerEvents, type ServerEvent } from "./server-events.js";

async function read(chunks: string[]): Promise<(ServerEvent | null)[]> {
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(encoder.encode(chunk));
      controller.close();
    },
  });
  const events: (ServerEvent | null)[] = [];
  for await (const event of readServerEvents(body)) events.push(event);
  return events;
}

test("messages are the same however they are cut, comments are signs of life, and an unfinished one is none", async () => {
  const text = 'id: a-1\nevent: cluster\ndata: {"a":\ndata: "ü"}\n\n: still here\n\nevent: job\r\ndata: 2\r\n\r\ndata: cut off';
  const whole = [{ id: "a-1", event: "cluster", data: '{"a":\n"ü"}' }, null, { id: "", event: "job", data: "2" }];
  expect(await read([text])).toEqual(whole);
  expect(await read([...text])).toEqual(whole);
});
