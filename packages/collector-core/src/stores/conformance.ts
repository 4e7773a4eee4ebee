import type { StoreLocation } from "../store.js";
import { checkpointCases } from "./conformance-checkpoints.js";
import { namingCases } from "./conformance-names.js";
import { segmentCases } from "./conformance-segments.js";

/** An empty place for logs. A test may close the location before it disposes. */
export interface OpenedForTest {
  location: StoreLocation;
  /** Opens the same place again, as another process would. Absent where nothing outlives the location. */
  reopen?: () => Promise<StoreLocation>;
  /** Closes what is open and removes the place. */
  dispose(): Promise<void>;
}

/** One behaviour that every store has. */
export interface StoreConformanceCase {
  name: string;
  /** Throws an `AssertionError` when the store behaves otherwise. */
  run(open: () => Promise<OpenedForTest>): Promise<void>;
}

/** A behaviour, tested in a place of its own. */
export interface PlacedCase {
  name: string;
  test(place: OpenedForTest): Promise<void>;
}

const inOwnPlace = ({ name, test }: PlacedCase): StoreConformanceCase => ({
  name,
  async run(open) {
    const place = await open();
    try {
      await test(place);
    } finally {
      await place.dispose();
    }
  },
});

/** What the contract in `store.ts` promises, as cases for any test runner. */
export const storeConformanceCases: readonly StoreConformanceCase[] = [...segmentCases, ...checkpointCases, ...namingCases].map(inOwnPlace);
