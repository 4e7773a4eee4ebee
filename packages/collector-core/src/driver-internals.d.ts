/** The driver's internal class for OP_MSG document sequences; it ships no types for this file. */
declare module "mongodb/lib/cmap/commands.js" {
  export class DocumentSequence {
    constructor(field: string);
    /** Appends bytes to the section; `document` is only kept for command monitoring. */
    push(document: object, bytes: Uint8Array): number;
  }
}
