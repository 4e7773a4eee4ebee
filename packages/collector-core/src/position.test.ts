import { expect, test } from "vitest";
import { clusterTime } from "./cluster-time.js";
import { clusterTimeOfToken, comparePositions, isEventToken, positionOfToken, tokenFromData } from "./position.js";

// As MongoDB 6.0.5 sent them: the high-water mark of a new stream, an insert, the creation of its collection.
const MARK = "826B0320CF000000032B0229296E04";
const INSERT = "826B0320CF000000072B022C0100296E5A1004D9FEB4E542634B66AFD0C5F0DAFA5C18461E5F6964002B020004";
const CREATE =
  "826B032079000000012B022C0100296E5A1004928800F89C7E4CDAADD6BD7A294F2B01463C6F7065726174696F6E54797065003C63726561746500466F7065726174696F6E4465736372697074696F6E0004";

test("a token of an event is told from a high-water mark, which comes before the events of its cluster time", () => {
  expect([MARK, INSERT, CREATE].map(isEventToken)).toEqual([false, true, true]);
  const markOfInsert = MARK.replace("00000003", "00000007");
  expect(comparePositions(positionOfToken(tokenFromData(markOfInsert)), positionOfToken(tokenFromData(INSERT)))).toBeLessThan(0);
});

test("a token begins with its cluster time", () => {
  expect(clusterTimeOfToken(INSERT)).toBe(clusterTime(0x6b0320cf, 7));
  expect(clusterTimeOfToken("83FF")).toBeUndefined();
});
