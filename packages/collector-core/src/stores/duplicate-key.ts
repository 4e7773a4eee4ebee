import { MongoServerError } from "mongodb";

export const DUPLICATE_KEY = 11000;

export const isDuplicateKey = (error: unknown): boolean => error instanceof MongoServerError && error.code === DUPLICATE_KEY;

/** False when the key is taken. Majority holds for that answer too: the server waits until what it found is committed. */
export const created = (insert: Promise<unknown>): Promise<boolean> =>
  insert.then(
    () => true,
    (error) => {
      if (isDuplicateKey(error)) return false;
      throw error;
    },
  );
