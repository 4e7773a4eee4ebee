import type { Reporter, TestModule } from "vitest/node";

/** Ends a run with one line that scripts can read: `N passed, N failed`. What is left out is counted too, since it was not tested. */
export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    const count = { passed: 0, failed: errors.length, skipped: 0, pending: 0 };
    for (const module of modules) {
      if (module.errors().length > 0) count.failed++;
      for (const test of module.children.allTests()) count[test.result().state]++;
    }
    const left = count.skipped + count.pending;
    // After the other reporters have written theirs.
    process.once("exit", () => console.log(`${count.passed} passed, ${count.failed} failed${left > 0 ? `, ${left} skipped` : ""}`));
  }
}
