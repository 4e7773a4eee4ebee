import { randomBytes } from "node:crypto";
import { link, mkdir, open, readdir, rmdir, stat, unlink } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname, join } from "node:path";

/** Whose temporary file it is: `.tmp-<host>-<pid>-<random>`. */
const TEMPORARY = /^\.tmp-(.+)-(\d+)-[0-9a-f]{16}$/;
const HOST = hostname().replace(/[^A-Za-z0-9.]/g, "_");

/** One is in use for as long as one segment takes to write; ten minutes are beyond any disk that still works. */
const TEMPORARY_MAX_AGE_MS = 10 * 60_000;

/**
 * Creates a file with this content, durably, or leaves the one that is there: no reader, and no crash, ever shows a part of it under its
 * name. `link` is the one call that gives a finished file a name only if that name is free (`rename` replaces what has it).
 */
export async function createFile(path: string, pieces: readonly Buffer[]): Promise<"stored" | "taken"> {
  const folder = dirname(path);
  const temporary = join(folder, `.tmp-${HOST}-${process.pid}-${randomBytes(8).toString("hex")}`);
  try {
    await writeSynced(temporary, pieces);
    const taken = await link(temporary, path).then(() => false, isCode("EEXIST"));
    await unlink(temporary);
    // Also when it was taken: who wrote it may have died before this.
    await syncFolder(folder);
    return taken ? "taken" : "stored";
  } catch (error) {
    await unlink(temporary).catch(() => {}); // mostly not there; if it stays, it is removed when old
    throw error;
  }
}

async function writeSynced(path: string, pieces: readonly Buffer[]): Promise<void> {
  // Made on demand, and again when retention removed the folder as empty.
  const file = await open(path, "wx").catch(async (error) => {
    isCode("ENOENT")(error);
    await makeFolder(dirname(path));
    return open(path, "wx");
  });
  try {
    for (const piece of pieces) await file.writeFile(piece);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Makes the folder with its parents where absent. Its own entry is synced even if it is there: who made it may have died before that. */
export async function makeFolder(path: string): Promise<void> {
  await mkdir(path).catch(async (error) => {
    if (errorCode(error) === "EEXIST") return;
    isCode("ENOENT")(error);
    if (dirname(path) === path) throw error;
    await makeFolder(dirname(path));
    await mkdir(path).catch(isCode("EEXIST"));
  });
  await syncFolder(dirname(path));
}

export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** The numbers that stand in names of that pattern, ascending. */
export const numbersOf = (names: string[], pattern: RegExp): number[] =>
  names
    .flatMap((name) => pattern.exec(name)?.slice(1, 2) ?? [])
    .map(Number)
    .sort((a, b) => a - b);

/** The names in a folder; none when there is no such folder. */
export const namesIn = (folder: string): Promise<string[]> => readdir(folder).catch((error) => isAbsent(error) ?? []);

/** Removes a file or, with `rmdir`, a folder that may be gone already or (the folder) still in use; true when it is gone now. */
export const removeFile = (path: string): Promise<boolean> => unlink(path).then(() => true, isCode("ENOENT"));
export const removeEmptyFolder = (path: string): Promise<boolean> =>
  rmdir(path).then(
    () => true,
    (error) => errorCode(error) !== "ENOTEMPTY" && isCode("ENOENT")(error),
  );

/** Removes the temporary files of writers that are gone. Of another host's processes only the age tells. */
export async function removeLeftovers(folder: string): Promise<void> {
  for (const name of await namesIn(folder)) {
    const [, host, pid] = TEMPORARY.exec(name) ?? [];
    if (host === undefined) continue;
    const path = join(folder, name);
    // Our own id proves nothing: in a container every run may have the same.
    const dead = host === HOST && Number(pid) !== process.pid && !isAlive(Number(pid));
    if (dead || (await ageMs(path)) > TEMPORARY_MAX_AGE_MS) await removeFile(path);
  }
}

const ageMs = async (path: string): Promise<number> => {
  const found = await stat(path).catch(isAbsent);
  return found ? Date.now() - found.mtimeMs : 0;
};

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return errorCode(error) !== "ESRCH";
  }
}

export const errorCode = (error: unknown): string | undefined =>
  error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;

/** For `catch`: true when the error has that code, thrown on otherwise. */
export const isCode =
  (code: string) =>
  (error: unknown): true => {
    if (errorCode(error) === code) return true;
    throw error;
  };

/** For `catch`: null when there is no such file, thrown on otherwise. */
export const isAbsent = (error: unknown): null => {
  isCode("ENOENT")(error);
  return null;
};
