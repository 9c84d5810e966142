import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readTree, rootDirectory } from './tree.ts';

/** What may lie where. A new entry is a decision about the house and is made here. */
const layout: Readonly<Record<string, { readonly must: string; readonly may: string }>> = {
  '.': {
    must:
      '.ci .gitignore .npmrc .oxlintrc.json .prettierignore .prettierrc.json CHANGELOG.md ' +
      'CONTRIBUTING.md LICENSE infra package-lock.json package.json packages services test ' +
      'tsconfig.json vitest.config.ts',
    may:
      '.dockerignore .editorconfig .env.example .gitattributes .github .nvmrc ARCHITECTURE.md ' +
      'README.md docker-compose.yml',
  },
  packages: {
    must:
      'README.md archive audit backfill checkpoint cli complete control model rules runtime ' +
      'state store stream wire',
    may: 'client',
  },
  services: {
    must: 'receiver single transformer writer',
    may: 'agent alerter console query README.md',
  },
  test: {
    must: 'package.json tidy tsconfig.json',
    may: 'README.md bench e2e fuzz golden integration load model services sim',
  },
  infra: {
    must: 'scripts',
    may: 'docker grafana kafka kubernetes prometheus redis runbooks timescale README.md',
  },
};

describe('layout', () => {
  const tree = readTree();

  test.each(Object.entries(layout))('%s holds what it should', (directory, { must, may }) => {
    const prefix = directory === '.' ? '' : `${directory}/`;
    const present = new Set(
      tree
        .filter(({ path }) => path.startsWith(prefix))
        .map(({ path }) => path.slice(prefix.length).split('/')[0] ?? ''),
    );
    const wanted = must.split(' ');
    const allowed = new Set([...wanted, ...may.split(' ')]);
    expect(wanted.filter((name) => !present.has(name))).toEqual([]);
    expect([...present].filter((name) => !allowed.has(name))).toEqual([]);
  });

  test('the scripts of package.json exist', () => {
    const { scripts } = JSON.parse(
      tree.find(({ path }) => path === 'package.json')?.text ?? '{}',
    ) as { scripts: Record<string, string> };
    const files = Object.values(scripts).flatMap((line) => line.match(/infra\/\S+/g) ?? []);
    const present = readdirSync(join(rootDirectory, 'infra', 'scripts'));
    expect(files.length).toBeGreaterThan(0);
    expect(files.filter((path) => !present.includes(path.split('/').at(-1) ?? ''))).toEqual([]);
  });
});
