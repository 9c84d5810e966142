import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative, resolve, sep } from 'node:path';

/** The root of the checkout. */
export const rootDirectory: string = resolve(import.meta.dirname, '..', '..');

/** One file of ours, as the rules see it; planted ones look the same as real ones. */
export interface TreeFile {
  /** From the root, with forward slashes. */
  readonly path: string;
  readonly text: string;
  readonly bytes: number;
}

/** What tools put into a checkout and git ignores. */
const ignored: ReadonlySet<string> = new Set([
  '.git',
  'node_modules',
  'dist',
  'coverage',
  'millrace-data',
  '.DS_Store',
]);

/** Every file of the checkout that is ours, tracked by git or not yet. */
export function readTree(): TreeFile[] {
  return filesBelow(rootDirectory).map((absolute) => ({
    path: relative(rootDirectory, absolute).replaceAll(sep, '/'),
    text: readFileSync(absolute, 'utf8'),
    bytes: statSync(absolute).size,
  }));
}

function filesBelow(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true })
    .filter((entry) => !ignored.has(entry.name) && !/\.(cpuprofile|heapsnapshot)$/.test(entry.name))
    .flatMap((entry) => {
      const path = join(directory, entry.name);
      return entry.isDirectory() ? filesBelow(path) : [path];
    });
}

/** A test, or something that only tests use. */
export function isTestFile(path: string): boolean {
  return path.startsWith('test/') || /\.test\.ts$|\/testing\//.test(path);
}

export function isTypeScript(path: string): boolean {
  return path.endsWith('.ts');
}

/** `path:line: what`, the form editors make clickable. */
export function findLines(
  file: TreeFile,
  pattern: RegExp,
  say: (found: RegExpExecArray) => string,
): string[] {
  return file.text.split('\n').flatMap((line, index) => {
    const found = pattern.exec(line);
    return found === null ? [] : [`${file.path}:${index + 1}: ${say(found)}`];
  });
}

/** The text with comments blanked out, line numbers kept. Good enough for our own style. */
export function withoutComments(text: string): string {
  return text
    .replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, ' '))
    .replace(/(^|\s)\/\/[^\n]*/g, '$1');
}
