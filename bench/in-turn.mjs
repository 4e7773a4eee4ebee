/**
 * Does each thing once, then each once more, and so on: on a machine that others use too, what runs right after another meets the same
 * conditions, so a ratio of neighbours holds where the figures themselves do not.
 *
 * @template T
 * @param {number} repetitions @param {Record<string, () => Promise<T>>} things
 * @param {(name: string, result: T) => void} [onDone]
 */
export async function inTurn(repetitions, things, onDone = () => {}) {
  /** @type {Record<string, T[]>} */
  const results = Object.fromEntries(Object.keys(things).map((name) => [name, []]));
  for (let repetition = 0; repetition < repetitions; repetition++)
    for (const [name, thing] of Object.entries(things)) {
      const result = await thing();
      results[name]?.push(result);
      onDone(name, result);
    }
  return results;
}

/** @param {number[]} values at least one */
export function median(values) {
  return quantile(values, 0.5);
}

/** The value below which that share of the values lies; between two of them when it falls there. @param {number[]} values @param {number} share */
export function quantile(values, share) {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (sorted.length - 1) * share;
  const [below, above] = [/** @type {number} */ (sorted[Math.floor(at)]), /** @type {number} */ (sorted[Math.ceil(at)])];
  return below + (above - below) * (at - Math.floor(at));
}
