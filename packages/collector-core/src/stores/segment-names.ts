import type { BundleRange } from "./bundle.js";

/**
 * How segments are named where each is a file or an object, the same in both: a log that is copied from one to the other by any tool is a log there.
 *
 *     <log>/segments/000000/0000000001.segment
 *     <log>/bundles/0000000002-0000000901.bundle
 *     <log>/checkpoint-0000000007.bson
 *     <log>/snapshots/<id>/segments/…          the log `<log>@<id>`
 */

/** Many file systems, most tools for them, and who lists objects from their end get slow in folders with far more entries than this. */
export const SEGMENTS_IN_GROUP = 10_000;

export const GROUP_NAME = /^(\d{6,})$/;
export const SEGMENT_NAME = /^(\d{10,})\.segment$/;

export const BUNDLE_NAME = /^(\d{10,})-(\d{10,})\.bundle$/;

export const groupOf = (number: number): number => Math.floor(number / SEGMENTS_IN_GROUP);
export const groupName = (group: number): string => `${group}`.padStart(6, "0");
export const segmentName = (number: number): string => `${padded(number)}.segment`;
export const bundleName = ({ first, last }: BundleRange): string => `${padded(first)}-${padded(last)}.bundle`;

export const bundlesNamed = (names: string[]): BundleRange[] =>
  names.flatMap((name) => {
    const [, first, last] = BUNDLE_NAME.exec(name) ?? [];
    return first === undefined ? [] : [{ first: Number(first), last: Number(last) }];
  });

const padded = (number: number): string => `${number}`.padStart(10, "0");

/** The numbers between two that are there: as objects of their own, or in a bundle; ascending, each once. */
export function numbersFound({ from, to }: { from: number; to: number }, singles: number[], bundles: readonly BundleRange[]): number[] {
  const found = new Set(singles.filter((number) => number >= from && number <= to));
  for (const { first, last } of bundles) for (let number = Math.max(first, from); number <= Math.min(last, to); number++) found.add(number);
  return [...found].sort((a, b) => a - b);
}

export const numbersInGroup = (group: number, singles: number[], bundles: readonly BundleRange[]): number[] =>
  numbersFound({ from: group * SEGMENTS_IN_GROUP, to: (group + 1) * SEGMENTS_IN_GROUP - 1 }, singles, bundles);

/** The groups in which anything is, ascending. */
export function groupsOf(groups: number[], bundles: BundleRange[]): number[] {
  const found = new Set(groups);
  for (const { first, last } of bundles) for (let group = groupOf(first); group <= groupOf(last); group++) found.add(group);
  return [...found].sort((a, b) => a - b);
}
