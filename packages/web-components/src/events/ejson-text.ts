/** A value of canonical Extended JSON, parsed as JSON. */
export type EjsonValue = null | boolean | number | string | readonly EjsonValue[] | { readonly [key: string]: EjsonValue };
export type EjsonDocument = { readonly [key: string]: EjsonValue };

export const isDocument = (value: EjsonValue | undefined): value is EjsonDocument =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** How a shell would write the types that JSON has not; the numbers as they are. */
const TYPES: Record<string, (value: EjsonValue) => string> = {
  $numberInt: String,
  $numberLong: (value) => `NumberLong("${value}")`,
  $numberDouble: String,
  $numberDecimal: (value) => `NumberDecimal("${value}")`,
  $oid: (value) => `ObjectId("${value}")`,
  $date: (value) => `ISODate("${dateText(value)}")`,
  $timestamp: (value) => (isDocument(value) ? `Timestamp(${value.t}, ${value.i})` : String(value)),
  $binary: (value) => (isDocument(value) ? `BinData(${value.subType}, "${value.base64}")` : String(value)),
  $regularExpression: (value) => (isDocument(value) ? `/${value.pattern}/${value.options}` : String(value)),
  $uuid: (value) => `UUID("${value}")`,
  $minKey: () => "MinKey",
  $maxKey: () => "MaxKey",
  $undefined: () => "undefined",
};

/** A value as people read it, on one line. */
export function shortText(value: EjsonValue | undefined): string {
  if (value === undefined) return "";
  const typed = typedText(value);
  if (typed !== null) return typed;
  if (Array.isArray(value)) return `[${value.map(shortText).join(", ")}]`;
  if (isDocument(value)) {
    const fields = Object.entries(value).map(([name, field]) => `${name}: ${shortText(field)}`);
    return fields.length === 0 ? "{}" : `{ ${fields.join(", ")} }`;
  }
  return JSON.stringify(value);
}

/** The same, one field a line. */
export function longText(value: EjsonValue, indent = ""): string {
  const typed = typedText(value);
  if (typed !== null) return typed;
  const deeper = `${indent}  `;
  if (Array.isArray(value))
    return value.length === 0 ? "[]" : `[\n${value.map((item) => deeper + longText(item, deeper)).join(",\n")}\n${indent}]`;
  if (!isDocument(value)) return JSON.stringify(value);
  const fields = Object.entries(value).map(([name, field]) => `${deeper}${name}: ${longText(field, deeper)}`);
  return fields.length === 0 ? "{}" : `{\n${fields.join(",\n")}\n${indent}}`;
}

function typedText(value: EjsonValue): string | null {
  if (!isDocument(value)) return null;
  const [name, ...more] = Object.keys(value);
  if (name === undefined || more.length > 0) return null;
  const type = Object.hasOwn(TYPES, name) ? TYPES[name] : undefined;
  return type ? type(value[name]!) : null;
}

function dateText(value: EjsonValue): string {
  const milliseconds = isDocument(value) ? Number(value.$numberLong) : Date.parse(String(value));
  const date = new Date(milliseconds);
  return Number.isNaN(date.getTime()) ? String(milliseconds) : date.toISOString();
}
