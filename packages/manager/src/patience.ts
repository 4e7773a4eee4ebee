/** Waits for a promise to settle, whichever way, but not for longer than that. */
export async function settled(promise: Promise<unknown>, patienceMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, patienceMs);
  });
  await Promise.race([Promise.allSettled([promise]), patience]);
  clearTimeout(timer);
}
