import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/emulators/global-setup.ts'],
    setupFiles: ['test/support/property-seed.ts'],
    env: { METADATA_SERVER_DETECTION: 'none', NODE_ENV: 'test' },
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // What happens at once on a quiet machine may take seconds on a busy one.
    expect: { poll: { timeout: 30_000 } },
    pool: 'forks',
    reporters: ['default', './test/conformance/compatibility-reporter.ts'],
    maxWorkers: 2,
  },
});
