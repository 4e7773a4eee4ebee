/** One message of a `text/event-stream`. */
export interface ServerEvent {
  id: string;
  event: string;
  data: string;
}

/**
 * Reads a `text/event-stream`. The browser's own EventSource can't be used: it sends no token. Comments (signs of life) come as null, so that the
 * reader knows that the connection lives.
 */
export async function* readServerEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerEvent | null> {
  const reader = body.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader();
  let rest = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      rest = (rest + value).replaceAll("\r\n", "\n");
      let end = rest.indexOf("\n\n");
      while (end >= 0) {
        yield parse(rest.slice(0, end));
        rest = rest.slice(end + 2);
        end = rest.indexOf("\n\n");
      }
    }
  } finally {
    await reader.cancel().catch(() => {}); // the connection is gone already
  }
}

function parse(block: string): ServerEvent | null {
  const message: ServerEvent = { id: "", event: "message", data: "" };
  const data: string[] = [];
  for (const line of block.split("\n")) {
    const colon = line.indexOf(":");
    if (colon === 0) continue;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    if (field === "data") data.push(value);
    else if (field === "id") message.id = value;
    else if (field === "event") message.event = value;
  }
  return data.length === 0 ? null : { ...message, data: data.join("\n") };
}
