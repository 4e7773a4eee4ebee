/**
 * A cluster time `(t, i)`: seconds since the epoch and the ordinal in that second, as one number `t * 2^32 + i`, so that
 * `<` orders it and a `Map` can hold it. It is the server's own order of its oplog; wall time never orders anything.
 */
export type ClusterTime = bigint;

const ORDINAL_BITS = 32n;
const ORDINAL_MASK = 0xffffffffn;

export const clusterTime = (t: number, i: number): ClusterTime => (BigInt(t) << ORDINAL_BITS) | BigInt(i);

export const secondsOf = (time: ClusterTime): number => Number(time >> ORDINAL_BITS);

export const ordinalOf = (time: ClusterTime): number => Number(time & ORDINAL_MASK);

/** The start of that second: what a cluster time says of the clock. */
export const dateOf = (time: ClusterTime): Date => new Date(secondsOf(time) * 1000);

/** `t,i`, the form of the command line and the API. */
export const formatClusterTime = (time: ClusterTime): string => `${secondsOf(time)},${ordinalOf(time)}`;

/** Reads `t,i`; undefined when the text has another form. */
export function parseClusterTime(text: string): ClusterTime | undefined {
  const match = /^(\d{1,10}),(\d{1,10})$/.exec(text.trim());
  if (!match) return undefined;
  const [t, i] = [Number(match[1]), Number(match[2])];
  return t <= 0xffffffff && i <= 0xffffffff ? clusterTime(t, i) : undefined;
}
