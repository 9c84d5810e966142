import { nearestWord } from '@millrace/runtime';
import {
  Composer,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  Parser,
  type CST,
  type Document,
  type Node,
  type Scalar,
  type YAMLMap,
} from 'yaml';
import { RuleFault, type RuleProblem } from './codes.ts';
import { RULE_ALIASES_MAX } from './rule.ts';
import { scalarOffset } from './scalar-offset.ts';

/** A fuller list helps nobody, and every problem costs memory. */
const PROBLEMS_MAX = 100;
const DEPTH_MAX = 32;
/** Lexical units, spaces and line ends too: some ten thousand lines. It bounds the time. */
const WORDS_MAX = 200_000;

/** A key of a mapping with its value; the value is undefined when nothing is written there. */
export interface YamlField {
  key: string;
  keyNode: Node;
  value: Node | undefined;
}

type Fault = Readonly<{ code: RuleFault; message: string; remedy: string }>;

/**
 * Reads what it expects from a YAML text, node by node, and keeps a list of what is not as
 * expected. Bounded against hostile texts: depth and aliases are counted, and no value is built
 * from nodes that nobody asked for, so aliases of aliases cost nothing.
 */
export class YamlReader {
  readonly problems: RuleProblem[] = [];
  readonly #text: string;
  readonly #lines = new LineCounter();
  readonly #document: Document.Parsed | undefined;
  #aliases = 0;

  constructor(text: string) {
    this.#text = text;
    this.#document = this.#parse();
  }

  /** The document's node; undefined when it is empty or not YAML. */
  get root(): Node | undefined {
    if (this.problems.length > 0) return undefined;
    return this.#resolve(this.#document?.contents ?? undefined);
  }

  isNothing(node: Node): boolean {
    return isScalar(node) && node.value === null;
  }

  report(at: Node | number, fault: Fault): void {
    if (this.problems.length >= PROBLEMS_MAX) return;
    const offset = typeof at === 'number' ? at : (at.range?.[0] ?? 0);
    const { line, col: column } = this.#lines.linePos(offset);
    const isKnown = this.problems.some(
      (other) => other.line === line && other.column === column && other.message === fault.message,
    );
    // What is wrong at an anchor would be told again for each of its aliases.
    if (!isKnown) this.problems.push({ line, column, ...fault });
  }

  /** Reports at a character of a scalar's value. */
  reportInside(scalar: Node, at: number, fault: Fault): void {
    const inside = isScalar(scalar) ? scalarOffset(this.#text, scalar as Scalar, at) : scalar;
    this.report(inside, fault);
  }

  /** The line of a node, for messages about another one. */
  lineOf(node: Node): number {
    return this.#lines.linePos(node.range?.[0] ?? 0).line;
  }

  /** The fields of a mapping by key; undefined when it is none. Unknown keys are reported. */
  fields(node: Node, what: string, known: readonly string[]): Map<string, YamlField> | undefined {
    if (!isMap(node)) {
      const message = `${what} must be a mapping of keys to values, not ${kindOf(node)}.`;
      const remedy = `Write keys out of ${known.join(', ')}, each with a colon.`;
      this.report(node, { code: RuleFault.wrongType, message, remedy });
      return undefined;
    }
    const fields = new Map<string, YamlField>();
    for (const field of this.#fieldsOf(node as YAMLMap<Node, Node | null>)) {
      if (!known.includes(field.key)) this.#reportUnknownKey(field, known);
      else if (fields.has(field.key)) {
        const message = `The key ${field.key} stands twice in one mapping.`;
        const remedy = 'Keep one of the two; two rules are two items, each after a dash.';
        this.report(field.keyNode, { code: RuleFault.duplicateKey, message, remedy });
      } else fields.set(field.key, field);
    }
    return fields;
  }

  /** The fields of a mapping whose keys are names; undefined when it is none, or has too many. */
  names(field: YamlField, fieldsMax: number): YamlField[] | undefined {
    const { key, keyNode, value } = field;
    if (!isMap(value)) {
      const message = `${key} must be a mapping of names to values, not ${kindOf(value)}.`;
      const remedy = 'Write names, each with a colon and its value.';
      this.report(value ?? keyNode, { code: RuleFault.wrongType, message, remedy });
      return undefined;
    }
    if (value.items.length > fieldsMax) {
      const message = `${key} has ${value.items.length} names, more than ${fieldsMax}.`;
      this.report(value, { code: RuleFault.tooMany, message, remedy: 'Remove some.' });
      return undefined;
    }
    const fields = [...this.#fieldsOf(value as YAMLMap<Node, Node | null>)];
    const seen = new Set<string>();
    for (const one of fields) {
      if (seen.has(one.key)) {
        const message = `The key ${shortened(one.key)} stands twice in one mapping.`;
        const remedy = 'Keep one of the two.';
        this.report(one.keyNode, { code: RuleFault.duplicateKey, message, remedy });
      }
      seen.add(one.key);
    }
    return fields;
  }

  isMapping(field: YamlField): boolean {
    return isMap(field.value);
  }

  /** The items of a list; undefined when it is none or has more than `itemsMax`. */
  list(field: YamlField, itemsMax: number): Node[] | undefined {
    const { key, keyNode, value } = field;
    if (!isSeq(value)) {
      const message = `${key} must be a list, not ${kindOf(value)}.`;
      const scalar = isScalar(value) ? writtenAs(value.value) : '';
      const written = /^[^\n]{1,60}$/.test(scalar) ? scalar : '…';
      const remedy = `Write ${key}: [${written}], or one item a line after a dash.`;
      this.report(value ?? keyNode, { code: RuleFault.wrongType, message, remedy });
      return undefined;
    }
    if (value.items.length > itemsMax) {
      const message = `${key} has ${value.items.length} items, more than ${itemsMax}.`;
      const remedy = 'Remove some, or spread them over several rules.';
      this.report(value, { code: RuleFault.tooMany, message, remedy });
      return undefined;
    }
    return value.items.flatMap((item) => this.#resolve(item as Node) ?? []);
  }

  /** A field that is a text, with the node that is. `example` shows how one is written. */
  textField(field: YamlField, example: string): { text: string; node: Node } | undefined {
    const { key, keyNode, value } = field;
    if (value === undefined) {
      const message = `${key} must be a text, not nothing.`;
      const remedy = `Write it as ${example}.`;
      this.report(keyNode, { code: RuleFault.wrongType, message, remedy });
      return undefined;
    }
    const text = this.text(value, key, example);
    return text === undefined ? undefined : { text, node: value };
  }

  /** A text; anything else is reported. */
  text(node: Node, what: string, example: string): string | undefined {
    if (isScalar(node) && typeof node.value === 'string') return node.value;
    const message = `${what} must be a text, not ${kindOf(node)}.`;
    this.report(node, { code: RuleFault.wrongType, message, remedy: `Write it as ${example}.` });
    return undefined;
  }

  flag(field: YamlField): boolean | undefined {
    const { key, keyNode, value } = field;
    if (isScalar(value) && typeof value.value === 'boolean') return value.value;
    const message = `${key} must be true or false, not ${kindOf(value)}.`;
    const remedy = `Write ${key}: true or ${key}: false.`;
    this.report(value ?? keyNode, { code: RuleFault.wrongType, message, remedy });
    return undefined;
  }

  #parse(): Document.Parsed | undefined {
    // The composer compares every key with all before it: `fields` looks for equal ones instead.
    const composer = new Composer({ uniqueKeys: false, prettyErrors: false });
    // `true`: a text without any document is one empty document.
    const documents = composer.compose(this.#tokens(), true, this.#text.length);
    const document: Document.Parsed | undefined = documents.next().value ?? undefined;
    if (this.problems.length > 0 || document === undefined) return undefined;
    const another = documents.next().value ?? undefined;
    if (another !== undefined) {
      const message = 'A second document begins here.';
      const remedy = 'Write everything into one: remove the --- line.';
      this.report(another.range[0], { code: RuleFault.yamlSyntax, message, remedy });
    }
    for (const { message, pos } of [...document.errors, ...document.warnings]) {
      const remedy =
        'Mend the YAML at this place: indent with spaces, quote texts with : # { [ or ".';
      this.report(pos[0], { code: RuleFault.yamlSyntax, message: `${message}.`, remedy });
    }
    return document;
  }

  /** The composer calls itself for every level, and an overflow there can end the process. */
  *#tokens(): Iterable<CST.Token> {
    const parser = new Parser(this.#lines.addNewLine);
    this.#lines.addNewLine(0);
    let faults = 0;
    let words = 0;
    for (const lexeme of new Lexer().lex(this.#text)) {
      for (const token of parser.next(lexeme)) {
        if (token.type === 'error') faults += 1;
        yield token;
      }
      if (faults > PROBLEMS_MAX) return;
      words += 1;
      if (words > WORDS_MAX) {
        const message = `The file has more than ${WORDS_MAX} words of YAML.`;
        const remedy = 'Remove rules, or join values of a label into one regular expression.';
        this.report(parser.offset, { code: RuleFault.fileTooBig, message, remedy });
        return;
      }
      if (parser.stack.length > DEPTH_MAX) {
        const message = `Lists and mappings are nested more than ${DEPTH_MAX} levels deep.`;
        const remedy = 'Rules need four levels.';
        this.report(parser.offset, { code: RuleFault.tooDeep, message, remedy });
        return;
      }
    }
    yield* parser.end();
  }

  *#fieldsOf(map: YAMLMap<Node, Node | null>): Iterable<YamlField> {
    for (const { key, value } of map.items) {
      const name = isScalar(key) ? (key.source ?? writtenAs(key.value)) : kindOf(key);
      const resolved = this.#resolve(value ?? undefined);
      const isNothing = resolved === undefined || this.isNothing(resolved);
      yield { key: name, keyNode: key, value: isNothing ? undefined : resolved };
    }
  }

  #reportUnknownKey({ key, keyNode }: YamlField, known: readonly string[]): void {
    const nearest = nearestWord(key, known);
    const remedy =
      nearest === undefined
        ? `Remove it; known here are ${known.join(', ')}.`
        : `Did you mean ${nearest}?`;
    const message = `The key ${shortened(key)} is not known here.`;
    this.report(keyNode, { code: RuleFault.unknownKey, message, remedy });
  }

  /** Follows an alias to what it names. Each look-up reads the whole document: hence the bound. */
  #resolve(node: Node | undefined): Node | undefined {
    if (!isAlias(node) || this.#document === undefined) return node;
    this.#aliases += 1;
    if (this.#aliases > RULE_ALIASES_MAX) {
      if (this.#aliases === RULE_ALIASES_MAX + 1) {
        const message = `More than ${RULE_ALIASES_MAX} aliases are used.`;
        const remedy = 'Write the values out.';
        this.report(node, { code: RuleFault.tooManyAliases, message, remedy });
      }
      return undefined;
    }
    const target = node.resolve(this.#document);
    if (target === undefined) {
      const message = `The alias ${shortened(`*${node.source}`)} names no anchor before it.`;
      const remedy = 'Put the anchor (&name) before it, or write the value out.';
      this.report(node, { code: RuleFault.yamlSyntax, message, remedy });
    }
    return target;
  }
}

function kindOf(node: unknown): string {
  if (isMap(node)) return 'a mapping';
  if (isSeq(node)) return 'a list';
  if (!isScalar(node) || node.value === null) return 'nothing';
  if (typeof node.value === 'string') return 'a text';
  const written = writtenAs(node.value);
  return written === '' ? 'a value of another type' : written;
}

function writtenAs(value: unknown): string {
  if (typeof value === 'string') return value;
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : '';
}

/** For messages: what a person wrote, but not more than fits on a line. */
export function shortened(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 59)}…` : text);
}
