const UNITS = ["B", "kB", "MB", "GB", "TB", "PB"] as const;

/** `12.3 MB`: powers of 1,000, three digits. */
export function formatBytes(bytes: number | null | undefined): string {
  if (bytes === null || bytes === undefined) return "–";
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value >= 10 ? value.toFixed(1) : value.toFixed(2)} ${UNITS[unit]}`;
}

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });

export const formatNumber = (value: number | null | undefined): string =>
  value === null || value === undefined ? "–" : whole.format(value);

export const formatShort = (value: number): string => (value < 10_000 ? formatNumber(value) : short.format(value));

/** Events a second: small ones with a digit more. */
export const formatRate = (value: number | null | undefined): string =>
  value === null || value === undefined ? "–" : value > 0 && value < 10 ? value.toFixed(1) : formatShort(value);

/** `1 segment`, `12 segments`. */
export const counted = (count: number, word: string): string => `${formatNumber(count)} ${word}${count === 1 ? "" : "s"}`;
