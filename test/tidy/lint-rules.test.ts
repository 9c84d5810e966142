import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { rootDirectory } from './tree.ts';

/**
 * Each lint rule we rely on, one file that breaks it, and what the linter must call it. A rule
 * whose name or options changed under us would otherwise stay silent for ever.
 */
const planted: readonly (readonly [rule: string, path: string, text: string])[] = [
  [
    'typescript(no-floating-promises)',
    'packages/stream/src/floating.ts',
    'const commit = async (): Promise<void> => {};\nexport function run(): void {\n  commit();\n}\n',
  ],
  [
    'typescript(no-misused-promises)',
    'packages/stream/src/misused.ts',
    'export const all = (n: number[]): void => n.forEach(async (x) => await Promise.resolve(x));\n',
  ],
  [
    'typescript(switch-exhaustiveness-check)',
    'packages/stream/src/exhaustive.ts',
    "export function f(x: 'a' | 'b'): number {\n  switch (x) {\n    case 'a':\n      return 1;\n  }\n  return 2;\n}\n",
  ],
  [
    'import(no-cycle)',
    'packages/stream/src/cycle-one.ts',
    "import { two } from './cycle-two.ts';\nexport const one = (): number => two();\n",
  ],
  [
    'import(no-cycle)',
    'packages/stream/src/cycle-two.ts',
    "import { one } from './cycle-one.ts';\nexport const two = (): number => one();\n",
  ],
  [
    'import(no-cycle)',
    'packages/stream/src/cycle-of-types.ts',
    "import type { Two } from './cycle-back.ts';\nexport type One = Two | 1;\n",
  ],
  [
    'import(no-cycle)',
    'packages/stream/src/cycle-back.ts',
    "import type { One } from './cycle-of-types.ts';\nexport interface Two {\n  one: One;\n}\n",
  ],
  ['eslint(max-lines)', 'packages/stream/src/long.ts', 'export {};\n'.repeat(501)],
  ['eslint(max-lines-per-function)', 'packages/stream/src/long-function.ts', longFunction()],
  ['eslint(no-console)', 'packages/stream/src/console.ts', "console.log('hello');\n"],
  [
    'eslint(no-restricted-properties)',
    'packages/stream/src/environment.ts',
    "export const port: unknown = process.env['PORT'];\n",
  ],
  ...['services/transformer', 'packages/model', 'packages/rules', 'packages/wire'].flatMap(pure),
  ...[
    ['pg', 'packages/store/src/memory'],
    ['pg-copy-streams', 'packages/state/src/lmdb'],
    ['lmdb', 'packages/store/src/postgres'],
    ['ioredis', 'packages/state/src/lmdb'],
    ['kafkajs', 'packages/stream/src/segment'],
    ['fastify', 'services/single/src'],
    ['pino', 'services/receiver/src'],
    ['prom-client', 'services/writer/src'],
  ].map(([driver, folder]): [string, string, string] => [
    'eslint(no-restricted-imports)',
    `${folder}/uses-${driver}.ts`,
    `import '${driver}';\n`,
  ]),
];

/** Places where the same text is allowed: the exceptions must stay exceptions. */
const allowed: readonly (readonly [path: string, text: string])[] = [
  ['packages/store/src/postgres/pool.ts', "import 'pg';\nimport 'pg-copy-streams';\n"],
  ['packages/state/src/lmdb/environment.ts', "import 'lmdb';\n"],
  ['packages/state/src/redis/connection.ts', "import 'ioredis';\n"],
  ['services/receiver/src/server.ts', "import 'fastify';\n"],
  ['packages/runtime/src/log.ts', "import 'pino';\nimport 'prom-client';\n"],
  ['services/single/src/settings.ts', "export const port: unknown = process.env['PORT'];\n"],
  ['services/transformer/src/main.ts', "export const port: unknown = process.env['PORT'];\n"],
  ['packages/runtime/src/clock.ts', 'export const now = (): number => Date.now();\n'],
  ['packages/stream/src/long.test.ts', longFunction()],
];

function longFunction(): string {
  const lines = Array.from({ length: 71 }, (_, i) => `  total += ${i};\n`).join('');
  return `export function sum(): number {\n  let total = 0;\n${lines}  return total;\n}\n`;
}

function pure(workspace: string): [string, string, string][] {
  const source = `${workspace}/src`;
  return [
    [
      'eslint(no-restricted-properties)',
      `${source}/now.ts`,
      'export const now: number = Date.now();\n',
    ],
    [
      'eslint(no-restricted-properties)',
      `${source}/random.ts`,
      'export const random: number = Math.random();\n',
    ],
    [
      'eslint(no-restricted-globals)',
      `${source}/timer.ts`,
      'export const later = (f: () => void): unknown => setTimeout(f, 1);\n',
    ],
    [
      'eslint(no-restricted-imports)',
      `${source}/uuid.ts`,
      "import { randomUUID } from 'node:crypto';\nexport const id: string = randomUUID();\n",
    ],
  ];
}

describe('the linter', () => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-lint-'));
  let found: Set<string>;

  beforeAll(() => {
    cpSync(join(rootDirectory, '.oxlintrc.json'), join(directory, '.oxlintrc.json'));
    symlinkSync(join(rootDirectory, 'node_modules'), join(directory, 'node_modules'));
    writeFileSync(
      join(directory, 'tsconfig.json'),
      JSON.stringify({
        include: ['packages', 'services'],
        compilerOptions: { module: 'nodenext', strict: true, noEmit: true, types: ['node'] },
      }),
    );
    const files = [...planted.map(([, path, text]) => [path, text] as const), ...allowed];
    for (const [path, text] of files) {
      mkdirSync(dirname(join(directory, path)), { recursive: true });
      writeFileSync(join(directory, path), text);
    }
    found = lint(directory);
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  test.each(planted)('%s fires in %s', (rule, path) => {
    expect(found).toContain(`${path} ${rule}`);
  });

  test('nothing fires where the exceptions are', () => {
    const paths = new Set(allowed.map(([path]) => path));
    expect([...found].filter((line) => paths.has(line.split(' ')[0] ?? ''))).toEqual([]);
  });
});

/** `path rule` of everything found. */
function lint(directory: string): Set<string> {
  const oxlint = join(rootDirectory, 'node_modules', 'oxlint', 'bin', 'oxlint');
  const run = spawnSync(
    process.execPath,
    [oxlint, '--type-aware', '--format=json', 'packages', 'services'],
    { cwd: directory, encoding: 'utf8', maxBuffer: 16 << 20 },
  );
  const report = JSON.parse(run.stdout) as { diagnostics: { code?: string; filename: string }[] };
  return new Set(report.diagnostics.map(({ code, filename }) => `${filename} ${code}`));
}
