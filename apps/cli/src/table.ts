/** Rows as aligned columns, the first row the headings; numbers to the right. */
export function table(headings: string[], rows: (string | number)[][]): string {
  const texts = [headings, ...rows.map((row) => row.map(String))];
  const widths = headings.map((_, column) => Math.max(...texts.map((row) => row[column]!.length)));
  const toRight = headings.map((_, column) => rows.length > 0 && rows.every((row) => typeof row[column] === "number"));
  const pad = (text: string, column: number) => (toRight[column] ? text.padStart(widths[column]!) : text.padEnd(widths[column]!));
  return texts.map((row) => row.map(pad).join("  ").trimEnd()).join("\n");
}
