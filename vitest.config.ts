import { defineConfig } from 'vitest/config';

const suites = [
  'packages/**/src/**/*.test.ts',
  'services/**/src/**/*.test.ts',
  'test/**/*.test.ts',
];
const suitesOfServices = '**/*.services.test.ts';

export default defineConfig({
  resolve: { conditions: ['@millrace/source'] },
  ssr: { resolve: { conditions: ['@millrace/source', 'node'] } },
  test: {
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // A second, as it is otherwise, is missed by a machine that does something else meanwhile.
    expect: { poll: { timeout: 10_000 } },
    // Two cores, and most suites start real services. Both projects share these workers.
    maxWorkers: 2,
    reporters: ['default'],
    projects: [
      {
        extends: true,
        // Not by exclude, which would take the place of the one of the command line.
        // Modules are loaded once for all files of a worker: that was half of the time.
        test: { name: 'units', include: [...suites, `!${suitesOfServices}`], isolate: false },
      },
      {
        // Suites that need Kafka, Redis or TimescaleDB: started once, only when one is selected.
        extends: true,
        test: {
          name: 'services',
          include: suites.map((glob) => glob.replace('*.test.ts', '*.services.test.ts')),
          globalSetup: ['test/services/start-services.ts'],
        },
      },
    ],
  },
});
