import type { TreeFile } from './tree.ts';

/** One npm workspace: its manifest, and what its tsconfig references. */
export interface Workspace {
  /** `packages/stream` */
  readonly path: string;
  /** `@millrace/stream` */
  readonly name: string;
  /** Names of everything in `dependencies` and `optionalDependencies`. */
  readonly dependencies: ReadonlySet<string>;
  /** Sub-paths of `exports`: `.`, `./memory`. */
  readonly exports: ReadonlySet<string>;
  /** Sources that `exports` points to, from the root. */
  readonly entries: readonly string[];
  /** Paths of the workspaces its tsconfig references. */
  readonly references: ReadonlySet<string>;
}

/** How high each workspace lies; an import goes to a lower floor only. */
export const floors: Readonly<Record<string, number>> = {
  '@millrace/model': 0,
  '@millrace/runtime': 0,
  '@millrace/wire': 1,
  '@millrace/rules': 1,
  '@millrace/stream': 2,
  '@millrace/state': 2,
  '@millrace/store': 2,
  '@millrace/control': 3,
  '@millrace/checkpoint': 3,
  '@millrace/backfill': 3,
  '@millrace/archive': 4,
  '@millrace/receiver': 5,
  '@millrace/transformer': 5,
  '@millrace/writer': 5,
  '@millrace/complete': 6,
  '@millrace/audit': 7,
  '@millrace/single': 7,
  '@millrace/cli': 8,
  '@millrace/test': 9,
};

interface Manifest {
  readonly name: string;
  readonly dependencies?: Record<string, string>;
  readonly optionalDependencies?: Record<string, string>;
  readonly devDependencies?: Record<string, string>;
  readonly exports?: Record<string, { '@millrace/source': string }>;
}

const manifestPath = /^((?:packages|services)\/[^/]+|test)\/package\.json$/;

export function readWorkspaces(tree: readonly TreeFile[]): Workspace[] {
  const byPath = new Map(tree.map((file) => [file.path, file.text]));
  return tree.flatMap(({ path: file, text }) => {
    const path = manifestPath.exec(file)?.[1];
    if (path === undefined) return [];
    const manifest = JSON.parse(text) as Manifest;
    const config = byPath.get(`${path}/tsconfig.json`) ?? '{}';
    const { references = [] } = JSON.parse(config) as { references?: { path: string }[] };
    const exported = Object.entries(manifest.exports ?? {});
    return {
      path,
      name: manifest.name,
      dependencies: new Set([
        ...Object.keys(manifest.dependencies ?? {}),
        ...Object.keys(manifest.optionalDependencies ?? {}),
      ]),
      exports: new Set(exported.map(([subPath]) => subPath)),
      entries: exported.map(([, target]) => joinPath(path, target['@millrace/source'])),
      references: new Set(references.map((reference) => joinPath(path, reference.path))),
    };
  });
}

/** What the root offers to tests and tools of every workspace. */
export function rootDevDependencies(tree: readonly TreeFile[]): Set<string> {
  const text = tree.find(({ path }) => path === 'package.json')?.text ?? '{}';
  return new Set(Object.keys((JSON.parse(text) as Manifest).devDependencies ?? {}));
}

export function workspaceOf(path: string, workspaces: readonly Workspace[]): Workspace | undefined {
  return workspaces.find((workspace) => path.startsWith(`${workspace.path}/`));
}

/** Joins `packages/a/src` and `../b`, as the module resolution would. */
export function joinPath(directory: string, path: string): string {
  const parts = directory.split('/');
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '.') parts.push(part);
  }
  return parts.join('/');
}
