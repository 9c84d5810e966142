import { isTestFile, type TreeFile } from './tree.ts';

/** One stable code of `MillraceError`, as the sources define it. */
export interface ErrorCode {
  readonly code: string;
  /** Where it is defined: one workspace, or the code has two meanings. */
  readonly workspaces: ReadonlySet<string>;
  readonly kinds: ReadonlySet<string>;
  /** The doc comment beside it, as one line; empty where the code stands at the error itself. */
  readonly comment: string;
}

/** The page that tells each code's meaning. */
export const manualPath = 'packages/runtime/ERRORS.md';

const pattern = String.raw`[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+`;

/** `code: 'STREAM_FULL'` at an error, with the kind that usually follows it. */
const atError = new RegExp(String.raw`\bcode: '(${pattern})',(?:\s*kind: '(\w+)')?`, 'g');

/** `full: 'STREAM_FULL',` in an object of codes, with its doc comment. */
const inObject = new RegExp(
  String.raw`(?:/\*\*((?:[^*]|\*(?!/))*)\*/)?\s*\b\w+: '(${pattern})',$`,
  'gm',
);
const holdsCodes = /(\/codes|-errors?)\.ts$/;

/** Every code of the sources, by name; those of tests do not count. */
export function collectErrorCodes(tree: readonly TreeFile[]): ErrorCode[] {
  const found = new Map<string, ErrorCode>();
  for (const { path, text } of tree) {
    const workspace = /^(packages|services)\/[^/]+/.exec(path)?.[0];
    if (workspace === undefined || !path.endsWith('.ts') || isTestFile(path)) continue;
    for (const [, code = '', kind] of text.matchAll(atError)) {
      merge(found, { code, workspace, kind, comment: '' });
    }
    if (!holdsCodes.test(path)) continue;
    for (const [, comment = '', code = ''] of text.matchAll(inObject)) {
      merge(found, { code, workspace, kind: undefined, comment: oneLine(comment) });
    }
  }
  return [...found.values()].toSorted((a, b) => (a.code < b.code ? -1 : 1));
}

function merge(
  found: Map<string, ErrorCode>,
  one: { code: string; workspace: string; kind: string | undefined; comment: string },
): void {
  const known = found.get(one.code);
  found.set(one.code, {
    code: one.code,
    workspaces: new Set([...(known?.workspaces ?? []), one.workspace]),
    kinds: new Set([...(known?.kinds ?? []), ...(one.kind === undefined ? [] : [one.kind])]),
    comment: known?.comment !== undefined && known.comment !== '' ? known.comment : one.comment,
  });
}

function oneLine(comment: string): string {
  return comment.replaceAll(/\s*\n\s*\*?\s*/g, ' ').trim();
}

/** Codes that stand for two things at once. */
export function findAmbiguous(codes: readonly ErrorCode[]): string[] {
  return codes
    .filter(({ workspaces, kinds }) => workspaces.size > 1 || kinds.size > 1)
    .map(({ code, workspaces, kinds }) => `${code}: ${[...workspaces, ...kinds].join(', ')}`);
}

/** Code → meaning, from the lists of the manual. */
export function readManual(text: string): Map<string, string> {
  const rows = text.matchAll(/^- `(\w+)`:(.*)$/gm);
  return new Map([...rows].map(([, code = '', meaning = '']) => [code, meaning.trim()]));
}

/**
 * The manual for exactly these codes: what it said stays, unless a doc comment says it now, and
 * what is new and has none is left empty for a person to fill.
 */
export function writeManual(text: string, codes: readonly ErrorCode[]): string {
  const said = readManual(text);
  const head = text.slice(0, text.indexOf('\n## '));
  const workspaces = new Set(codes.flatMap((code) => [...code.workspaces]));
  const sections = [...workspaces].toSorted().map((workspace) => {
    const rows = codes
      .filter((code) => code.workspaces.has(workspace))
      .map(({ code, comment }) => `- \`${code}\`: ${comment || (said.get(code) ?? '')}`.trimEnd());
    return [`## ${workspace}`, '', ...rows].join('\n');
  });
  return `${[head.trimEnd(), ...sections].join('\n\n')}\n`;
}
