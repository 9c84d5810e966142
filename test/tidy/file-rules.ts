import { findLines, isTestFile, isTypeScript, withoutComments, type TreeFile } from './tree.ts';

/** Something no file of the tree may have, with a file that has it. */
export interface FileRule {
  readonly name: string;
  /** Why, and what to do instead. */
  readonly why: string;
  readonly appliesTo: (file: TreeFile) => boolean;
  /** Each finding as `path:line: what`. */
  readonly find: (file: TreeFile) => string[];
  /** Breaks the rule exactly once: path and text. */
  readonly planted: readonly [path: string, text: string];
}

const columnsMax = 100;
const linesMax = 500;
const bytesMax = 256 * 1024;

/** Longer than 500 lines, each with its reason. */
const longFiles: Readonly<Record<string, string>> = {
  'package-lock.json': 'written by npm',
};

const isCode = ({ path }: TreeFile): boolean => /\.(ts|mjs|js|sql|lua|css|html)$/.test(path);
const isSource = ({ path }: TreeFile): boolean => isTypeScript(path) && !path.startsWith('test/');
const isGolden = ({ path }: TreeFile): boolean => /(^|\/)golden\//.test(path);
/** The rules themselves have to spell out what they forbid. */
const isRule = ({ path }: TreeFile): boolean => path.startsWith('test/tidy/');
const isText = ({ path }: TreeFile): boolean =>
  /\.(ts|mjs|js|sql|lua|css|html|md|json|ya?ml|sh)$|(^|\/)[^.]+$|\.ci\/run$/.test(path);

const pureWorkspaces = /^(services\/transformer|packages\/(model|rules|wire))\/src\//;

export const fileRules: readonly FileRule[] = [
  {
    name: `at most ${columnsMax} columns`,
    why: 'Two files fit beside each other; a long line hides its end.',
    appliesTo: (file) => isCode(file) && !isGolden(file),
    find: (file) =>
      file.text
        .split('\n')
        .flatMap((line, index) =>
          isTooLong(line) ? [`${file.path}:${index + 1}: ${Array.from(line).length} columns`] : [],
        ),
    planted: ['packages/model/src/a.ts', `const a = ${'a + '.repeat(30)}a;\n`],
  },
  {
    name: `at most ${linesMax} lines`,
    why: 'The one file that swallows the core is the thing to prevent: split it by noun.',
    appliesTo: (file) => isText(file) && !isGolden(file) && !(file.path in longFiles),
    find: (file) => {
      const lines = file.text.split('\n').length - 1;
      return lines > linesMax ? [`${file.path}: ${lines} lines`] : [];
    },
    planted: ['packages/model/src/a.ts', 'export {};\n'.repeat(linesMax + 1)],
  },
  {
    name: `at most ${bytesMax / 1024} KB`,
    why: 'A clone stays small; large data is made by a script or fetched by a test.',
    appliesTo: () => true,
    find: ({ path, bytes }) => (bytes > bytesMax ? [`${path}: ${bytes} bytes`] : []),
    planted: ['test/golden/a.bin', 'x'.repeat(bytesMax + 1)],
  },
  {
    name: 'kebab-case names',
    why: 'A file is named as its main export, the same on every file system.',
    appliesTo: ({ path }) =>
      !/(^|\/)(README|ERRORS|ARCHITECTURE|CONTRIBUTING|CHANGELOG)\.md$/.test(path) &&
      !/(^|\/)(LICENSE|Dockerfile)$/.test(path),
    find: ({ path }) => {
      const wrong = path.split('/').filter((part) => !/^\.?[a-z0-9]+([-.][a-z0-9]+)*$/.test(part));
      return wrong.length > 0 ? [`${path}: ${wrong.join(', ')}`] : [];
    },
    planted: ['packages/model/src/labelSet.ts', ''],
  },
  {
    name: 'no drawer for everything',
    why: 'utils, helpers, common and shared say nothing: name the noun.',
    appliesTo: () => true,
    find: ({ path }) =>
      /(^|\/)(utils?|helpers?|common|shared|misc)(\.|\/)/.test(path) ? [path] : [],
    planted: ['packages/model/src/utils.ts', ''],
  },
  {
    name: 'index.ts only re-exports, by name',
    why: 'It is the list of what others may use; code in it is found by nobody.',
    appliesTo: ({ path }) => path.endsWith('/index.ts'),
    find: ({ path, text }) => {
      const list = /export\s+(type\s+)?\{[^}]*\}\s+from\s+'[^']+';/g;
      const rest = withoutComments(text).replace(list, '').trim();
      return rest === '' ? [] : [`${path}: ${rest.split('\n')[0]}`];
    },
    planted: ['packages/model/src/index.ts', "export * from './a.ts';\n"],
  },
  {
    name: 'nothing left over',
    why: 'What is to be done later is an issue; what is broken is mended now.',
    appliesTo: (file) => isText(file) && !isRule(file),
    find: (file) => findLines(file, /\b(TODO|FIXME|XXX|HACK)\b/, ([word]) => word),
    planted: ['packages/model/src/a.ts', '// TODO: write this.\n'],
  },
  {
    name: 'no test left out',
    why: 'A test that does not run protects nothing; what needs a service uses skipIf and says so.',
    appliesTo: ({ path }) => path.endsWith('.test.ts') && !path.startsWith('test/tidy/'),
    find: (file) =>
      findLines(file, /\b(it|test|describe|suite)\.(only|todo|skip|fails)\b/, ([call]) => call),
    planted: ['packages/model/src/a.test.ts', "test.skip('a', () => {});\n"],
  },
  {
    name: 'a wait says for how long',
    why: 'vi.waitFor gives up after a second, which a machine misses that does something else.',
    appliesTo: ({ path }) => isTypeScript(path) && !path.startsWith('test/tidy/'),
    find: ({ path, text }) =>
      text
        .split('vi.waitFor(')
        .slice(1)
        .map(upToItsEnd)
        .filter((given) => !/(,\s*[\w]+|\btimeout\b[^{}]*\}),?\s*$/.test(given))
        .map((given) => `${path}: ${given.replaceAll(/\s+/g, ' ')}`),
    planted: ['packages/model/src/a.test.ts', 'await vi.waitFor(() => expect(a).toBe(1));\n'],
  },
  {
    name: 'no ban bypassed',
    why: 'The compiler and the linter are right or their configuration is wrong: change that.',
    appliesTo: (file) => isCode(file) && !isRule(file),
    find: (file) =>
      findLines(
        file,
        /(eslint|oxlint)-disable|@ts-(ignore|nocheck|expect-error)|prettier-ignore/,
        ([word]) => word,
      ),
    planted: ['packages/model/src/a.ts', '// @ts-ignore\n'],
  },
  {
    name: 'no clock, no randomness, no timers where output is a function of the log',
    why: 'Two owners at once must put out the same bytes: use partition time, or Clock.',
    appliesTo: ({ path }) => pureWorkspaces.test(path) && isTypeScript(path),
    find: (file) =>
      findLines(
        { ...file, text: withoutComments(file.text) },
        new RegExp(
          [
            String.raw`\bDate\b\s*(\.\s*now|\[|;|\}|,)|\bnew Date\(\s*\)|\bDate\(\s*\)`,
            String.raw`\bMath\b\s*(\.\s*random|\[|;|\}|,)|\brandom(UUID|Bytes|Int|FillSync)\b`,
            String.raw`\b(setTimeout|setInterval|setImmediate|performance|hrtime)\b`,
            String.raw`'node:(timers|perf_hooks|timers/promises)'|\bglobalThis\b`,
          ].join('|'),
        ),
        ([text]) => text,
      ),
    planted: ['services/transformer/src/a.ts', 'const { now } = Date;\n'],
  },
  {
    name: 'no other way to the environment',
    why: 'Settings come from readSettings, so that each is known, documented and printed.',
    appliesTo: (file) =>
      isSource(file) && !isTestFile(file.path) && !/\/(settings|main)\.ts$/.test(file.path),
    find: (file) =>
      findLines(file, /\bprocess\s*(\.|\?\.|\[')env\b|'node:process'/, ([text]) => text),
    planted: ['packages/model/src/a.ts', "import { env } from 'node:process';\n"],
  },
  {
    name: 'no path of one machine',
    why: 'A checkout works anywhere, and says nothing about where it was written.',
    appliesTo: (file) => isText(file) && !isRule(file),
    find: (file) =>
      findLines(
        file,
        /(?<![\w.:/-])(\/(home|Users|root|work|mnt|media)\/[\w.-]+|[A-Z]:\\\\?[A-Za-z])/,
        ([text]) => text,
      ),
    planted: ['packages/model/src/a.ts', "const path = '/home/somebody/millrace';\n"],
  },
  {
    name: 'no package registry named',
    why: 'Which registry packages come from is the business of whoever installs.',
    appliesTo: (file) => isText(file) && !isRule(file),
    find: (file) =>
      findLines(
        file,
        /registry\.(npmjs|yarnpkg|npmmirror)\.\w+|^\s*registry\s*=/,
        ([text]) => text,
      ),
    planted: ['.ci/run', `npm ci --registry https://registry.${'npmjs'}.org\n`],
  },
  {
    name: 'plain names for types',
    why: 'A port is named for what it is and an adapter for its technology.',
    appliesTo: isSource,
    find: (file) =>
      findLines(
        file,
        /\b(?:interface|class|type)\s+(I[A-Z][a-z]\w*|\w+(Impl|Manager|Helper|Util|Utils))\b/,
        ([, name]) => String(name),
      ),
    planted: ['packages/model/src/a.ts', 'export interface IStream {}\n'],
  },
  {
    name: 'the words of the glossary',
    why: 'One word, one meaning (packages/README.md): label, endOffset, position, watermark.',
    appliesTo: (file) => isSource(file) && !isTestFile(file.path),
    find: (file) =>
      findLines(
        // What others call our words may be said in quotes.
        { ...file, text: withoutComments(file.text).replaceAll(/'[^'\n]*'/g, "''") },
        new RegExp(
          [
            // A label is never a tag.
            String.raw`\btags\b|\b[a-z]+Tags\b|\btag(Name|Value|Key|Set)s?\b`,
            // The watermark is a time; the end of a log is endOffset.
            String.raw`\b\w*([hH]igh|[lL]ow)_?[wW]atermark\w*|\bwatermark(Offset|Position)\b`,
            // Only positions are committed.
            String.raw`\b(committedOffset|commitOffset)\b`,
            // A sample is never a metric, a data point or a measurement of a metric.
            String.raw`\b[dD]ata_?[pP]oints?\b|\bmetricSamples?\b`,
          ].join('|'),
        ),
        ([word]) => word,
      ),
    planted: ['packages/model/src/a.ts', 'const highWatermark = 7;\n'],
  },
];

/** Of what follows an opening bracket, up to the one that closes it. */
function upToItsEnd(text: string): string {
  let depth = 1;
  for (const { 0: bracket, index } of text.matchAll(/[()[\]{}]/g)) {
    depth += '([{'.includes(bracket) ? 1 : -1;
    if (depth === 0) return text.slice(0, index);
  }
  return text;
}

/**
 * A line that is one long literal and cannot be broken is left alone: an address, a pattern, a
 * sentence of an error text in a table.
 */
function isTooLong(line: string): boolean {
  if (Array.from(line).length <= columnsMax) return false;
  return !/https?:\/\/|^\s*(\w+:\s*)?[([]?(['"`/]).*\2[\])]?[,;.)\]}gimsuy]*\s*$/.test(line);
}
