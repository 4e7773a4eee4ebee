/**
 * What `act` comes to, or undefined as soon as the signal aborts: a server that does not answer must not hold up a stop until the socket's timeout.
 * What the abandoned call then comes to is nobody's business.
 */
export function unlessAborted<T>(act: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const abandon = () => resolve(undefined);
    if (signal.aborted) abandon();
    signal.addEventListener("abort", abandon, { once: true });
    act.then(resolve, reject).finally(() => signal.removeEventListener("abort", abandon));
  });
}
