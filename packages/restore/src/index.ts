/** Reads a log back: puts a MongoDB deployment to any moment that the log covers. */
export {};
