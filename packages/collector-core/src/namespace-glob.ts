/**
 * A pattern for namespaces, as a function. `*` stands for any characters (dots too: a collection's name may hold them), `?` for one; all else is
 * itself. A pattern for all collections of a database (`shop.*`) also means what happens to the database as a whole, such as its drop.
 */
export function namespaceMatcher(pattern: string): (namespace: string) => boolean {
  const whole = patternOf(pattern);
  const database = pattern.endsWith(".*") ? patternOf(pattern.slice(0, -2)) : undefined;
  return (namespace) => whole.test(namespace) || (database?.test(namespace) ?? false);
}

const patternOf = (pattern: string): RegExp => {
  const source = pattern.replace(/[.*+?^${}()|[\]\\]/g, (special) => (special === "*" ? ".*" : special === "?" ? "." : `\\${special}`));
  return new RegExp(`^${source}$`, "su");
};
