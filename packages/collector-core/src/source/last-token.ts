/** `_data` is the first element of a token document: the document's length, type, name with its zero, the text's length. */
const TEXT_OFFSET = 4 + 1 + 6 + 4;

/** The newest resume token of a stream: what comes after must be greater. Points into the events' own bytes, so that an event costs no object. */
export class LastToken {
  private bytes: Buffer;
  private at = 0;
  private length: number;

  /** `text`: the token's `_data`; empty when there is none yet, which is before all. */
  constructor(text: string) {
    this.bytes = Buffer.from(text, "latin1");
    this.length = this.bytes.length;
  }

  get text(): string {
    return this.bytes.toString("latin1", this.at, this.at + this.length);
  }

  /** Whether the token document at `token` comes later. Texts are compared byte by byte, as the server orders them. */
  isBefore(event: Buffer, token: number): boolean {
    const { bytes, at, length } = this;
    const text = token + TEXT_OFFSET;
    const textLength = lengthAt(event, token);
    const common = Math.min(length, textLength);
    // The cluster time comes first, so a difference is found soon: sooner than a call of the runtime would return.
    for (let index = 0; index < common; index++) {
      const difference = event[text + index]! - bytes[at + index]!;
      if (difference !== 0) return difference > 0;
    }
    return textLength > length;
  }

  set(event: Buffer, token: number): void {
    this.bytes = event;
    this.at = token + TEXT_OFFSET;
    this.length = lengthAt(event, token);
  }

  /** Copies it, so that the event's bytes can be let go or be moved. */
  keep(): void {
    this.bytes = Buffer.from(this.bytes.subarray(this.at, this.at + this.length));
    this.at = 0;
  }
}

/** Without the zero at the end. */
const lengthAt = (event: Buffer, token: number): number => event.readInt32LE(token + TEXT_OFFSET - 4) - 1;
