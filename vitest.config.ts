import { availableParallelism } from 'node:os';

import { defineConfig } from 'vitest/config';

/** Tests run the sources of every package, not what was built from them. */
const conditions = ['lockfast-source', 'node', 'module', 'default'];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    include: ['packages/*/test/**/*.test.ts'],
    globalSetup: ['tools/fresh-build.mjs', 'tools/memory-for-tests.mjs'],
    reporters: ['default', './tools/test-counts.mjs'],
    // Tests change directory, identity and mounts: a thread would share them.
    pool: 'forks',
    // One more than cores: files that boot a systemd, or wait for a lock's time, use a third of a core (secret-systemd 142 s
    // by the clock and 39 s of CPU, fleet-story 82 s and 28 s), while most of the others keep one busy.
    maxWorkers: availableParallelism() + 1,
    // Key derivation and real shells on a busy machine of two cores.
    testTimeout: 40_000,
    hookTimeout: 40_000,
    // A test left on its own by `.only` would make a green run of nothing.
    allowOnly: false,
  },
});
