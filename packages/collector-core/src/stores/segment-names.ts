/**
 * How segments are named where each is a file or an object, the same in both: a log that is copied from one to the other by any tool is a log there.
 *
 *     <log>/segments/000000/0000000001.segment
 *     <log>/checkpoint-0000000007.bson
 *     <log>/snapshots/<id>/segments/…          the log `<log>@<id>`
 */

/** Many file systems, most tools for them, and who lists objects from their end get slow in folders with far more entries than this. */
export const SEGMENTS_IN_GROUP = 10_000;

export const GROUP_NAME = /^(\d{6,})$/;
export const SEGMENT_NAME = /^(\d{10,})\.segment$/;

export const groupOf = (number: number): number => Math.floor(number / SEGMENTS_IN_GROUP);
export const groupName = (group: number): string => `${group}`.padStart(6, "0");
export const segmentName = (number: number): string => `${`${number}`.padStart(10, "0")}.segment`;
