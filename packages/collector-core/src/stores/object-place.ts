/**
 * A place for objects: runs of bytes, each under a name, made once and never changed. It is all that a store needs (`objectStoreLocation`).
 * Names are made of letters, digits and `-_.@/`; a slash ends a folder, as `orders/segments/000000/0000000001.segment`.
 */
export interface ObjectPlace {
  /**
   * Stores the bytes under that name if nothing has it: `taken` otherwise, in one step, whoever else tries. `stored` means that all of it survives a
   * crash of the machine; before, nothing of it may be seen. Throws when neither is known: it is called again.
   * `hash`, of a segment, in hexadecimal: where it can be kept beside the object and comes back with each part, a header takes one read.
   */
  create(name: string, bytes: Buffer, hash?: string): Promise<"stored" | "taken">;
  /** The whole object; null when there is none of that name. */
  read(name: string): Promise<Buffer | null>;
  /** Absent: all of an object is read where a part of it would do, which is its header. */
  readPart?(name: string, part: { position: number; length: number }): Promise<ObjectPart | null>;
  /**
   * The names that begin with `prefix`, which is a folder or empty, in any order. Those further down may be given as a whole, or as their folder
   * only, with its slash. Of no use are, and may be left out, those up to the name `after`, and more than `limit`.
   */
  list(prefix: string, hints?: { after?: string; limit?: number }): Promise<string[]>;
  /** Removes objects in their order, also those that are gone already. */
  remove(names: readonly string[]): Promise<void>;
  /** Lets go of connections. */
  close?(): Promise<void>;
}

export interface ObjectPart {
  /** Fewer than asked for at the object's end. */
  bytes: Buffer;
  /** Of the whole object. */
  size: number;
  hash?: string | undefined;
}
