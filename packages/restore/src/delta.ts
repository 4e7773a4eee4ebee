import {
  BSON_TYPE,
  document,
  documentElement,
  element,
  type RawElement,
  rawElement,
  rawElements,
  rawNumber,
  rawString,
  rawValue,
} from "@oplog-collector/collector-core";

/** One step into a document: a field's name, or an index of an array. */
export type Step = string | number;

/** What a documented update says of one path: `{updatedFields, removedFields, truncatedArrays}` as a list. */
interface Change {
  path: string;
  /** The new value; null: the field is gone; a number: the array is cut to this size. */
  to: { type: number; bytes: Buffer } | number | null;
}

/**
 * The documented description of an update as the server's own diff, if each of its paths has one meaning: a path with dots has so only where
 * the server says so (`disambiguatedPaths`, from 6.1 on); then the paths that it does not list are plain. Undefined: look at the document.
 */
export function resolveDelta(description: Buffer): Buffer | undefined {
  const changes = changesOf(description);
  const meant = rawElement(description, "disambiguatedPaths");
  if (meant?.type !== BSON_TYPE.document)
    return changes.some(({ path }) => path.includes(".")) ? undefined : diffOf(changes, ({ path }) => [path]);
  const listed = new Map<string, Step[]>();
  for (const { name, valueStart } of rawElements(description, meant.valueStart)) listed.set(name, [...stepsIn(description, valueStart)]);
  return diffOf(changes, ({ path }) => listed.get(path) ?? path.split("."));
}

/**
 * The same against the document as it is before the update: each path is what the document has there. `undecided` lists the paths that can mean
 * more than one thing even so; they are then taken as nested fields, which nearly all are.
 */
export function resolveDeltaIn(description: Buffer, before: Buffer): { update: Buffer; undecided: string[] } {
  const undecided: string[] = [];
  const update = diffOf(changesOf(description), ({ path, to }) => {
    const { steps, decided } = resolvePath(path, before, to);
    if (!decided) undecided.push(path);
    return steps;
  });
  return { update, undecided };
}

function* stepsIn(bytes: Buffer, at: number): Generator<Step> {
  for (const { type, valueStart, end } of rawElements(bytes, at))
    yield type === BSON_TYPE.string ? rawString(bytes, valueStart) : (rawNumber({ type, bytes: bytes.subarray(valueStart, end) }) ?? 0);
}

function changesOf(description: Buffer): Change[] {
  const changes: Change[] = [];
  const each = function* (name: string): Generator<RawElement> {
    const field = rawElement(description, name);
    if (field && (field.type === BSON_TYPE.document || field.type === BSON_TYPE.array)) yield* rawElements(description, field.valueStart);
  };
  for (const { name, type, valueStart, end } of each("updatedFields"))
    changes.push({ path: name, to: { type, bytes: description.subarray(valueStart, end) } });
  for (const { valueStart } of each("removedFields")) changes.push({ path: rawString(description, valueStart), to: null });
  for (const { valueStart, end } of each("truncatedArrays")) {
    const cut = description.subarray(valueStart, end);
    changes.push({ path: rawString(rawValue(cut, "field")!.bytes), to: rawNumber(rawValue(cut, "newSize")) ?? 0 });
  }
  return changes;
}

/** One value of a document, or undefined where there is none. */
type Found = { type: number; bytes: Buffer } | undefined;

function stepInto(value: Found, step: string): { found: Found; steps: Step } | undefined {
  if (value?.type === BSON_TYPE.document) return { found: rawValue(value.bytes, step), steps: step };
  if (value?.type === BSON_TYPE.array && /^(0|[1-9]\d*)$/.test(step)) return { found: rawValue(value.bytes, step), steps: Number(step) };
  return undefined;
}

/** All ways to read the path in this document: at each place one name, or several joined by the dots between them. */
function* readings(parts: readonly string[], value: Found): Generator<{ steps: Step[]; found: Found }> {
  for (let taken = 1; taken <= parts.length; taken++) {
    const into = stepInto(value, parts.slice(0, taken).join("."));
    if (!into) continue;
    if (taken === parts.length) yield { steps: [into.steps], found: into.found };
    else for (const rest of readings(parts.slice(taken), into.found)) yield { steps: [into.steps, ...rest.steps], found: rest.found };
  }
}

function resolvePath(path: string, before: Buffer, to: Change["to"]): { steps: Step[]; decided: boolean } {
  const all = [...readings(path.split("."), { type: BSON_TYPE.document, bytes: before })];
  // What goes must be there; what is cut must be an array; what is set may be new.
  const there = all.filter(({ found }) => (typeof to === "number" ? found?.type === BSON_TYPE.array : found !== undefined));
  const possible = there.length > 0 ? there : all;
  const longest = possible.reduce<{ steps: Step[] } | undefined>(
    (best, one) => (best && best.steps.length >= one.steps.length ? best : one),
    undefined,
  );
  const decided = possible.length === 1 || (there.length === 0 && !path.includes("."));
  return { steps: longest?.steps ?? path.split("."), decided };
}

/** A diff under construction: what happens to the fields of one document, or to the elements of one array. */
interface Node {
  removed: string[];
  updated: [name: string, type: number, bytes: Buffer][];
  inner: Map<string, Node>;
  array: boolean;
  size: number | undefined;
}

const newNode = (array: boolean): Node => ({ removed: [], updated: [], inner: new Map(), array, size: undefined });

function diffOf(changes: readonly Change[], stepsOf: (change: Change) => readonly Step[]): Buffer {
  const root = newNode(false);
  for (const change of changes) {
    const steps = stepsOf(change);
    let node = root;
    const last = typeof change.to === "number" ? steps.length : steps.length - 1;
    for (let index = 0; index < last; index++) {
      const name = String(steps[index]);
      let inner = node.inner.get(name);
      if (!inner) {
        // Which it is shows in the step after it; what is cut is an array.
        inner = newNode(index + 1 < steps.length ? typeof steps[index + 1] === "number" : true);
        node.inner.set(name, inner);
      }
      node = inner;
    }
    if (typeof change.to === "number") node.size = change.to;
    else if (change.to === null) node.removed.push(String(steps.at(-1)));
    else node.updated.push([String(steps.at(-1)), change.to.type, change.to.bytes]);
  }
  return document([element(BSON_TYPE.int, "$v", Buffer.of(2, 0, 0, 0)), documentElement("diff", encode(root))]);
}

/** In the order in which the server reads a diff: what goes, what is set, then what is inside. */
function encode({ removed, updated, inner, array, size }: Node): Buffer {
  if (array) return encodeArray({ updated, inner, size });
  const sections: Buffer[] = [];
  if (removed.length > 0) sections.push(documentElement("d", document(removed.map((name) => element(BSON_TYPE.bool, name, Buffer.of(0))))));
  if (updated.length > 0) sections.push(documentElement("u", document(updated.map(([name, type, bytes]) => element(type, name, bytes)))));
  for (const [name, node] of inner) sections.push(documentElement(`s${name}`, encode(node)));
  return document(sections);
}

function encodeArray({ updated, inner, size }: Pick<Node, "updated" | "inner" | "size">): Buffer {
  const changed: [index: number, bytes: Buffer][] = [
    ...updated.map(([name, type, bytes]): [number, Buffer] => [Number(name), element(type, `u${name}`, bytes)]),
    ...[...inner].map(([name, node]): [number, Buffer] => [Number(name), documentElement(`s${name}`, encode(node))]),
  ];
  const header = [element(BSON_TYPE.bool, "a", Buffer.of(1))];
  if (size !== undefined) {
    const value = Buffer.alloc(4);
    value.writeInt32LE(size);
    header.push(element(BSON_TYPE.int, "l", value));
  }
  return document([...header, ...changed.sort(([a], [b]) => a - b).map(([, bytes]) => bytes)]);
}
