/** Finds fields in the raw `cursor` of a reply: as much as throwing a stream away needs, and no more. */

/** @param {Buffer} document @param {string} name @returns {{ start: number, end: number }} where the value lies */
function field(document, name) {
  for (let at = 4; at < document.length - 1; ) {
    const nameEnd = document.indexOf(0, at + 1);
    const start = nameEnd + 1;
    const end = start + valueLength(/** @type {number} */ (document[at]), document, start);
    if (document.toString("latin1", at + 1, nameEnd) === name) return { start, end };
    at = end;
  }
  throw new Error(`the reply has no ${name}`);
}

/** Of the types that a reply's cursor holds. @param {number} type @param {Buffer} bytes @param {number} at */
function valueLength(type, bytes, at) {
  if (type === 0x12) return 8; // long
  if (type === 0x08) return 1; // bool
  if (type === 0x02) return 4 + bytes.readInt32LE(at); // string
  if (type === 0x03 || type === 0x04) return bytes.readInt32LE(at); // document, array
  throw new Error(`BSON type ${type} in a reply's cursor`);
}

/** @param {Buffer} cursor @param {string} name */
export function longField(cursor, name) {
  return cursor.readBigInt64LE(field(cursor, name).start);
}

/** @param {Buffer} cursor @param {string} name */
export function arrayField(cursor, name) {
  const { start, end } = field(cursor, name);
  return cursor.subarray(start, end);
}

/** The cluster time of the post-batch position: bytes 1 to 8 of its `_data`. @param {Buffer} cursor */
export function tokenTime(cursor) {
  // The document begins with `_data`, a string of hexadecimal digits: length, type, name and the string's length come before its text.
  const text = field(cursor, "postBatchResumeToken").start + 4 + 1 + "_data\0".length + 4;
  return BigInt(`0x${cursor.toString("latin1", text + 2, text + 18)}`);
}

/** How many documents an array holds, and their bytes. @param {Buffer} array */
export function countDocuments(array) {
  let [events, bytes] = [0, 0];
  for (let at = 4; at < array.length - 1; events++) {
    const document = array.indexOf(0, at + 1) + 1;
    const length = array.readInt32LE(document);
    bytes += length;
    at = document + length;
  }
  return { events, bytes };
}
