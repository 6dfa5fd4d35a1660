// A reporter for vitest. The very last line of a run is `N passed, N failed, N skipped`, which CI reads. With CI=true a test
// that was skipped because the machine lacks a part ("needs ..." in its title) is a failure: CI has all parts.
import { writeSync } from 'node:fs';

export default class TestCounts {
  onTestRunEnd(modules, unhandledErrors, reason) {
    const counts = { passed: 0, failed: 0, skipped: 0 };
    const lacking = [];
    for (const module of modules) {
      const before = counts.failed;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === 'passed' || state === 'failed') counts[state] += 1;
        else if (process.env['CI'] === 'true' && /\bneeds\b/.test(test.fullName)) {
          counts.failed += 1;
          lacking.push(`${module.relativeModuleId}: ${test.fullName}`);
        } else counts.skipped += 1;
      }
      // A file that can't be loaded, or whose hook failed, counts as one failure: its tests never ran.
      if (counts.failed === before && !module.ok()) counts.failed += 1;
    }
    // A set-up that failed, an error outside of every test, an interruption: no green line for them.
    if (unhandledErrors.length > 0 || reason !== 'passed') counts.failed = Math.max(counts.failed, 1);
    for (const title of lacking) process.stderr.write(`skipped in CI, where nothing may be missing: ${title}\n`);
    if (counts.failed > 0) process.exitCode = 1;
    // At exit, since other reporters still print; synchronously, since nothing is waited for then.
    process.once('exit', () => writeSync(1, `\n${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`));
  }
}
