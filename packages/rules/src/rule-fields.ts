import type { Node } from 'yaml';
import { formatAggregate, parseAggregate, suggestAggregate } from './aggregate.ts';
import { RuleFault } from './codes.ts';
import { formatWidth, parseWidth } from './duration.ts';
import {
  AGGREGATES,
  ROLLUP_RULE_NAME,
  RULE_AGGREGATES_MAX,
  RULE_LABEL_CHARS_MAX,
  RULE_LABELS_MAX,
  RULE_NAME_CHARS_MAX,
  RULE_NAME_PATTERN,
  RULE_WIDTHS_MAX,
  type Aggregate,
} from './rule.ts';
import { parseSelector } from './selector.ts';
import { shortened, type YamlField, type YamlReader } from './yaml-reader.ts';

/** `linesOfNames` tells where each name so far was used; the new one is added. */
export function readName(
  reader: YamlReader,
  field: YamlField,
  linesOfNames: Map<string, number>,
): string | undefined {
  const found = reader.textField(field, 'name: requests_by_route');
  if (found === undefined) return undefined;
  const { text: name, node } = found;
  if (name.length > RULE_NAME_CHARS_MAX || !RULE_NAME_PATTERN.test(name)) {
    const message = `${shortened(name)} cannot be the name of a rule.`;
    const remedy =
      `Begin with a letter or _, go on with letters, digits or _ . : -; ` +
      `at most ${RULE_NAME_CHARS_MAX} characters.`;
    reader.report(node, { code: RuleFault.badName, message, remedy });
  } else if (name === ROLLUP_RULE_NAME) {
    const message = `${name} is the name of the built-in rule.`;
    reader.report(node, { code: RuleFault.badName, message, remedy: 'Choose another name.' });
  } else if (linesOfNames.has(name)) {
    const message = `The rule in line ${linesOfNames.get(name)} is named ${name} too.`;
    const remedy = 'Give one of them another name: editions are told apart by it.';
    reader.report(node, { code: RuleFault.duplicateName, message, remedy });
  } else linesOfNames.set(name, reader.lineOf(node));
  return name;
}

export function readMatch(reader: YamlReader, field: YamlField): string | undefined {
  const found = reader.textField(field, `match: 'http_requests_total{code=~"5.."}'`);
  if (found === undefined) return undefined;
  const { text, node } = found;
  const parsed = parseSelector(text);
  if (!parsed.ok) {
    const { column, message, remedy } = parsed.fault;
    reader.reportInside(node, column - 1, { code: RuleFault.badSelector, message, remedy });
  }
  return text;
}

/** The labels of `by` or `without`. */
export function readLabels(reader: YamlReader, field: YamlField): string[] | undefined {
  const isWithout = field.key === 'without';
  const items = reader.list(field, RULE_LABELS_MAX);
  if (items === undefined || (isWithout && reportEmpty(reader, field, items))) return undefined;
  return readTexts(reader, items, {
    what: 'A label name',
    example: `${field.key}: [instance, pod]`,
    read: (label, node) => {
      if (label === '' || label.length > RULE_LABEL_CHARS_MAX) {
        const message = `${shortened(label)} cannot be the name of a label.`;
        const remedy = `A label name has 1 to ${RULE_LABEL_CHARS_MAX} characters.`;
        reader.report(node, { code: RuleFault.badLabel, message, remedy });
      } else if (isWithout && label === '__name__') {
        const message = 'The metric name is always kept.';
        const remedy = 'Remove __name__ from without.';
        reader.report(node, { code: RuleFault.badLabel, message, remedy });
      }
      return label;
    },
  });
}

export function readWidths(reader: YamlReader, field: YamlField): string[] | undefined {
  const items = reader.list(field, RULE_WIDTHS_MAX);
  if (items === undefined || reportEmpty(reader, field, items)) return undefined;
  return readTexts(reader, items, {
    what: 'A width',
    example: 'widths: [1m, 1h]',
    read: (text, node) => {
      const width = parseWidth(text);
      if (width.ok) return formatWidth(width.us);
      const message = `The width ${shortened(text)} ${width.why}.`;
      const remedy = 'Write whole seconds from 1s to 31d, as 10s, 5m, 1h30m or 1d.';
      reader.report(node, { code: RuleFault.badDuration, message, remedy });
      return undefined;
    },
  });
}

export function readAggregates(reader: YamlReader, field: YamlField): string[] | undefined {
  const items = reader.list(field, RULE_AGGREGATES_MAX);
  if (items === undefined || reportEmpty(reader, field, items)) return undefined;
  let hasDistinct = false;
  return readTexts(reader, items, {
    what: 'An aggregate',
    example: 'aggregates: [count, sum, quantile]',
    read: (text, node) => {
      const aggregate = parseAggregate(text);
      if (aggregate === undefined) return reportAggregate(reader, node, text);
      const formatted = formatAggregate(aggregate);
      if (hasDistinct && isDistinct(aggregate)) {
        const message = 'A rule can count the different values of one thing only.';
        const remedy = 'Make a rule of its own for each distinct.';
        reader.report(node, { code: RuleFault.twoDistincts, message, remedy });
      }
      hasDistinct ||= isDistinct(aggregate);
      return formatted;
    },
  });
}

function isDistinct({ name }: Aggregate): boolean {
  return name === 'distinct';
}

function reportAggregate(reader: YamlReader, node: Node, text: string): undefined {
  const suggestion = suggestAggregate(text);
  let remedy = `Known are ${AGGREGATES.join(', ')} and distinct(label).`;
  if (suggestion !== undefined) remedy = `Did you mean ${suggestion}?`;
  if (suggestion === 'quantile') {
    remedy = 'Write quantile: it keeps a histogram, and a query says which quantile it wants.';
  }
  const message = `There is no aggregate ${shortened(text)}.`;
  reader.report(node, { code: RuleFault.unknownAggregate, message, remedy });
}

function reportEmpty(reader: YamlReader, field: YamlField, items: readonly Node[]): boolean {
  if (items.length > 0) return false;
  const message = `${field.key} is empty.`;
  const remedy =
    field.key === 'without'
      ? 'Name the labels that go, or leave without away to aggregate each series by itself.'
      : `Put at least one into ${field.key}.`;
  reader.report(field.value ?? field.keyNode, { code: RuleFault.emptyList, message, remedy });
  return true;
}

/** Reads every item as a text and refuses what has been read before. */
function readTexts(
  reader: YamlReader,
  items: readonly Node[],
  how: Readonly<{
    what: string;
    example: string;
    /** The normal form; undefined when a fault was reported. */
    read: (text: string, node: Node) => string | undefined;
  }>,
): string[] {
  const texts: string[] = [];
  for (const node of items) {
    const text = reader.text(node, how.what, how.example);
    const normal = text === undefined ? undefined : how.read(text, node);
    if (normal === undefined) continue;
    if (texts.includes(normal)) {
      const message = `${how.what} stands here twice: ${shortened(normal)}.`;
      reader.report(node, { code: RuleFault.duplicateItem, message, remedy: 'Remove one.' });
    }
    texts.push(normal);
  }
  return texts;
}
