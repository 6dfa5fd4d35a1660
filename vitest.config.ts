import { defineConfig } from 'vitest/config';

/** Tests run the sources of every package, not what was built from them. */
const conditions = ['lockfast-source', 'node', 'module', 'default'];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    include: ['packages/*/test/**/*.test.ts'],
    globalSetup: ['tools/fresh-build.mjs'],
    reporters: ['default', './tools/test-counts.mjs'],
    // Tests change directory, identity and mounts: a thread would share them.
    pool: 'forks',
    // Key derivation and real shells on a busy machine of two cores.
    testTimeout: 20_000,
    hookTimeout: 20_000,
    // A test left on its own by `.only` would make a green run of nothing.
    allowOnly: false,
  },
});
