/** Enough to know which they are; in a status that is sent twice a second, each name counts. */
const NAMED_AT_MOST = 5;

/** Some of a deployment's namespaces. */
export interface Listed {
  /** The first of them, by name. */
  names: string[];
  count: number;
}

export const listed = (names: readonly string[]): Listed => ({ names: names.toSorted().slice(0, NAMED_AT_MOST), count: names.length });

/** What a deployment holds of what is not captured everywhere. */
export interface Holdings {
  timeSeries: Listed;
  capped: Listed;
  clustered: Listed;
  views: Listed;
  systemJs: Listed;
  /** What users keep in `admin` and `config`, beside what the server does. */
  admin: Listed;
  config: Listed;
  /** `system.profile`, and what users keep in `local`. */
  notReplicated: Listed;
  /** Whether there are users or roles, and whether our user may read them for a base snapshot. */
  users: "none" | "readable" | "unreadable";
  /** What was not looked at, and why; null: all was. */
  cut: string | null;
}
