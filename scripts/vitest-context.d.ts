import "vitest";

declare module "vitest" {
  /** What `inject` finds in every test. */
  interface ProvidedContext {
    /** A replica set of one member, shared by all tests: use a database or names of your own. */
    mongodbUri: string;
  }
}
