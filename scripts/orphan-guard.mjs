/**
 * Ends processes and removes directories of this process when it is gone,
 * however it went: a shell waits on a pipe that only we hold open, and the
 * kernel closes that pipe even after kill -9.
 *
 * mongodb-memory-server's own killer is not used for this: it looks every two
 * seconds, sends SIGTERM once, which a stopped (SIGSTOP) mongod never acts on,
 * and leaves the data directories behind.
 */
import { spawn } from "node:child_process";
import { pid } from "node:process";

/** Lines `+pid N`, `-pid N`, `+dir PATH`, `-dir PATH` keep the lists; end of input acts on them. */
const SHELL = `
pids=
while IFS=' ' read -r op arg; do
  case $op in
    +pid) pids="$pids $arg" ;;
    -pid) keep=; for p in $pids; do [ "$p" = "$arg" ] || keep="$keep $p"; done; pids=$keep ;;
    +dir) set -- "$@" "$arg" ;;
    -dir) n=$#; while [ "$n" -gt 0 ]; do d=$1; shift; [ "$d" = "$arg" ] || set -- "$@" "$d"; n=$((n-1)); done ;;
  esac
done
[ -z "$pids" ] || kill -9 $pids
# A dying mongod may still create files; give up waiting for one that nobody reaps.
for p in $pids; do n=0; while kill -0 "$p" 2>/dev/null && [ "$n" -lt 20 ]; do sleep 0.1; n=$((n+1)); done; done
[ $# -eq 0 ] || rm -rf -- "$@"
`;

/** @type {import('node:stream').Writable | undefined} */
let input;

/** @param {string} line */
function tell(line) {
  if (!input) {
    // Detached: a Ctrl-C at the terminal must not end the guard before it has acted.
    const shell = spawn("sh", ["-c", SHELL, `orphan-guard-of-${pid}`], { stdio: ["pipe", "ignore", "ignore"], detached: true });
    shell.unref();
    shell.on("error", () => {}); // no `sh` here: the children are then only ended by whoever started them
    input = shell.stdin;
    input.on("error", () => {});
    /** @type {import('node:net').Socket} */ (input).unref();
  }
  input.write(`${line}\n`);
}

/** @param {number} child */
export function guardProcess(child) {
  tell(`+pid ${child}`);
}

/** Must be called once the process has been reaped, before its id can be another's. @param {number} child */
export function releaseProcess(child) {
  tell(`-pid ${child}`);
}

/** @param {string} dir */
export function guardDirectory(dir) {
  tell(`+dir ${dir}`);
}

/** @param {string} dir */
export function releaseDirectory(dir) {
  tell(`-dir ${dir}`);
}
