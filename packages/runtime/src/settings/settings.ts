import { MillraceError } from '../errors.ts';
import { countChanges } from '../words/nearest-word.ts';
import type { Setting } from './setting-kinds.ts';
import { isServiceLink } from './service-link.ts';
import { fileVariableOf, findSetting } from './setting-source.ts';

type Leaf = string | number | boolean | undefined;

/**
 * What describes a settings interface `S`: the same shape with a `Setting` in each leaf. So the
 * interface, whose names carry the units, stays the place where settings are documented.
 */
export type SettingsDefinition<S> = {
  readonly [K in keyof S]: [S[K]] extends [Leaf] ? Setting<S[K]> : SettingsDefinition<S[K]>;
};

/** One effective setting, for `config print` and the line printed at start. */
export interface EffectiveSetting {
  /** `receiver.requestBytesMax` */
  readonly path: string;
  /** `MILLRACE_RECEIVER__REQUEST_BYTES_MAX`, or the alias that was used, or that of a file. */
  readonly variable: string;
  readonly value: Leaf;
  readonly source: 'environment' | 'file' | 'default';
  readonly help: string;
}

/** What was read, complete and frozen, and where each of it comes from. */
export interface ReadSettings<S> {
  readonly settings: Readonly<S>;
  readonly effective: readonly EffectiveSetting[];
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Belongs to the test suites and this repository's scripts; never read as a setting. */
const internalPrefix = 'MILLRACE_TEST_';
/** What all of ours begin with. */
const PREFIX = 'MILLRACE';
/** The most letters that are wrong in a mistyped prefix; with more it is somebody else's. */
const PREFIX_SLIPS_MAX = 2;
/** The most of what follows a mistyped prefix, and one in four letters. */
const REST_SLIPS_MAX = 2;
/** A second instance, or a thing of its own. */
const OTHER_PREFIX = /^MILLRACES?\d*$/;
/** Of the commands that ask a process: they are used in the shell that it is started from. */
const COMMAND_VARIABLES: readonly string[] = ['MILLRACE_URL'];

/**
 * Reads complete, frozen settings: the environment over defaults. `receiver.requestBytesMax` is
 * `MILLRACE_RECEIVER__REQUEST_BYTES_MAX`, `dataDir` is `MILLRACE_DATA_DIR`; an alias such as
 * `PORT` counts where our own variable is absent. An empty variable counts as absent. A secret may
 * be in a file that the variable with `_FILE` names.
 *
 * @throws MillraceError `SETTING_INVALID` or `SETTING_UNKNOWN` (permanent), naming every variable
 * that is wrong and, for an unknown one, the nearest that exists.
 */
export function readSettings<S extends object>(
  definition: SettingsDefinition<S>,
  environment: Environment,
  options: Readonly<{
    /** Sections and settings of other processes that share this environment: those read them. */
    otherSections?: readonly string[];
  }> = {},
): ReadSettings<S> {
  const effective: EffectiveSetting[] = [];
  const problems: string[] = [];
  const known = new Set<string>();
  const settings = readSection(definition as Section, [], (path, setting) => {
    known.add(variableOf(path));
    if (setting.secret === true) known.add(fileVariableOf(variableOf(path)));
    const { value, ...read } = readOne(path, setting, environment, problems);
    effective.push({
      path: path.join('.'),
      ...read,
      value: setting.secret === true && value !== undefined ? '(hidden)' : value,
      help: setting.help,
    });
    return value;
  });
  if (problems.length > 0) {
    throw refused({ code: 'SETTING_INVALID', problems, remedy: 'Correct the named variables' });
  }
  const others = (options.otherSections ?? []).filter((name) => !Object.hasOwn(definition, name));
  const isOther = (name: string): boolean =>
    others.some((other) => {
      const variable = variableOf([other]);
      return name === variable || name.startsWith(`${variable}__`);
    });
  const unknown = Object.keys(environment).filter(
    (name) =>
      !known.has(name) &&
      !isServiceLink(name, environment[name]) &&
      isMeantForUs(name, known) &&
      !name.startsWith(internalPrefix) &&
      !COMMAND_VARIABLES.includes(name) &&
      !isOther(name),
  );
  if (unknown.length > 0) {
    throw refused({
      code: 'SETTING_UNKNOWN',
      problems: unknown.map((name) => `${name} is not a setting.${suggestion(name, known)}`),
      remedy: 'Rename or unset the named variables',
    });
  }
  return { settings: settings as S, effective };
}

/**
 * Also with a slip in the prefix, or in small letters, where the rest is one of our settings or
 * nearly one: passed over, such a variable would leave somebody's data in another place than was
 * said. With any other rest it is somebody else's.
 */
function isMeantForUs(name: string, known: ReadonlySet<string>): boolean {
  const [prefix = '', ...words] = name.split('_');
  if (words.length === 0) return false;
  if (prefix === PREFIX) return true;
  const typed = prefix.toUpperCase();
  if (typed !== PREFIX && OTHER_PREFIX.test(typed)) return false;
  if (countChanges(typed, PREFIX) > PREFIX_SLIPS_MAX) return false;
  const corrected = [PREFIX, ...words].join('_').toUpperCase();
  const slipsMax = Math.min(REST_SLIPS_MAX, Math.floor(words.join('_').length / 4));
  return [...known].some((variable) => countChanges(corrected, variable) <= slipsMax);
}

/**
 * Reads one setting by itself, for a command that needs no others.
 *
 * @throws MillraceError SETTING_INVALID (permanent).
 */
export function readSetting<T extends Leaf>(
  path: readonly string[],
  setting: Setting<T>,
  environment: Environment,
): T {
  const problems: string[] = [];
  const { value } = readOne(path, setting, environment, problems);
  if (problems.length > 0) {
    throw refused({ code: 'SETTING_INVALID', problems, remedy: 'Correct the named variables' });
  }
  return value as T;
}

/** `['receiver', 'requestBytesMax']` → `MILLRACE_RECEIVER__REQUEST_BYTES_MAX`. */
export function variableOf(path: readonly string[]): string {
  const words = path.map((name) => name.replace(/[A-Z]/g, '_$&').toUpperCase());
  return `${PREFIX}_${words.join('__')}`;
}

type Section = { readonly [name: string]: Section | Setting<Leaf> };

function readSection(
  section: Section,
  parents: readonly string[],
  read: (path: readonly string[], setting: Setting<Leaf>) => Leaf,
): object {
  const entries = Object.entries(section).map(([name, member]) => {
    const path = [...parents, name];
    return [name, isSetting(member) ? read(path, member) : readSection(member, path, read)];
  });
  return Object.freeze(Object.fromEntries(entries));
}

function isSetting(member: Section | Setting<Leaf>): member is Setting<Leaf> {
  return typeof member['parse'] === 'function';
}

function readOne(
  path: readonly string[],
  setting: Setting<Leaf>,
  environment: Environment,
  problems: string[],
): Pick<EffectiveSetting, 'variable' | 'value' | 'source'> {
  const variable = variableOf(path);
  const { aliases = [], secret: isSecret = false, default: usual } = setting;
  const found = findSetting(environment, [variable, ...aliases], { isSecret, problems });
  if (found === undefined) {
    if (setting.required === true && usual === undefined) {
      const names = [...aliases, variable].join(' or ');
      const file = isSecret ? ', nor with _FILE the name of a file that holds it' : '';
      problems.push(`${names} is not set${file}. ${setting.help}`);
    }
    return { variable, value: usual, source: 'default' };
  }
  const { source, text } = found;
  // A file that cannot be read was told of already.
  const parsed = source === 'file' && text === '' ? { value: usual } : setting.parse(text);
  const read = { variable: found.variable, source };
  if ('value' in parsed) return { ...read, value: parsed.value };
  const shown = isSecret ? 'its value' : `"${text}"`;
  problems.push(`${found.variable}: ${shown} is not ${parsed.expected}.`);
  return { ...read, value: usual };
}

function refused(
  params: Readonly<{ code: string; problems: readonly string[]; remedy: string }>,
): MillraceError {
  return new MillraceError({
    code: params.code,
    kind: 'permanent',
    message: `Nothing was started. ${params.problems.join(' ')}`,
    remedy: `${params.remedy} and start again.`,
  });
}

function suggestion(name: string, known: ReadonlySet<string>): string {
  let best = '';
  let bestDistance = Infinity;
  for (const candidate of known) {
    const distance = countChanges(name.toUpperCase(), candidate);
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  // Farther than a third of the name is a coincidence and not a slip of the finger.
  return bestDistance <= name.length / 3 ? ` Did you mean ${best}?` : '';
}

/** A relation between two settings that each are in range by themselves. */
export interface SettingsRelation {
  readonly holds: boolean;
  /** Paths of the settings it ties together: `['lateness.ms', 'retain.ms']`. */
  readonly paths: readonly string[];
  /** What must be so and why, as a sentence. */
  readonly because: string;
}

/** @throws MillraceError `SETTINGS_CONFLICT` (permanent), naming the variables of every breach. */
export function checkRelations(relations: readonly SettingsRelation[]): void {
  const broken = relations.filter(({ holds }) => !holds);
  if (broken.length === 0) return;
  const sentences = broken.map(({ paths, because }) => {
    const variables = paths.map((path) => variableOf(path.split('.')));
    return `${variables.join(' and ')} do not fit together: ${because}`;
  });
  throw refused({
    code: 'SETTINGS_CONFLICT',
    problems: sentences,
    remedy: 'Change one of the named settings',
  });
}
