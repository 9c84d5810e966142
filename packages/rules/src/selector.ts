import { METRIC_NAME_LABEL } from '@millrace/model';
import { RE2JS, RE2JSException } from 're2js';
import { SELECTOR_CHARS_MAX, SELECTOR_MATCHERS_MAX } from './rule.ts';
import { SelectorFaultError, SelectorText, type SelectorFault } from './selector-text.ts';

export type MatchOperator = '=' | '!=' | '=~' | '!~';

/** A condition on one label. A label that a series does not have equals the empty string. */
export interface Matcher {
  name: string;
  operator: MatchOperator;
  value: string;
}

/** A Prometheus series selector: all of its matchers must hold, so none means every series. */
export interface Selector {
  /** As written. */
  text: string;
  matchers: readonly Matcher[];
}

export type ParsedSelector =
  Readonly<{ ok: true; selector: Selector }> | Readonly<{ ok: false; fault: SelectorFault }>;

/**
 * Reads `metric{a="b",c!="d",e=~"re",f!~"re"}`, `{…}` alone and quoted names
 * `{"name.with.dots","label.too"="b"}`, with all quotes, escapes and comments of PromQL. Unlike a
 * query, `{}` and matchers that all match the empty string are allowed.
 */
export function parseSelector(text: string): ParsedSelector {
  try {
    return { ok: true, selector: { text, matchers: readSelector(text) } };
  } catch (error) {
    if (error instanceof SelectorFaultError) return { ok: false, fault: error.fault };
    throw error;
  }
}

/** As it is written in a selector: `job=~"a.*"`. */
export function formatMatcher({ name, operator, value }: Matcher): string {
  const plain = /^[A-Za-z_][A-Za-z0-9_]*$/.test(name);
  return `${plain ? name : JSON.stringify(name)}${operator}${JSON.stringify(value)}`;
}

/** The metric name if the selector asks for exactly one. */
export function selectedMetric(selector: Selector): string | undefined {
  return selector.matchers.find(
    ({ name, operator, value }) => name === METRIC_NAME_LABEL && operator === '=' && value !== '',
  )?.value;
}

/**
 * A regular expression of RE2's syntax, which no text can make slow. As in Prometheus the dot
 * matches line ends; it must match the whole value (`RE2JS.matches`). RE2JSException if it is none.
 */
export function compileRegex(pattern: string): RE2JS {
  return RE2JS.compile(pattern, RE2JS.DOTALL);
}

const METRIC_NAME = /[A-Za-z_:][A-Za-z0-9_:]*/y;
const LABEL_NAME = /[A-Za-z_][A-Za-z0-9_]*/y;
const OPERATORS: readonly MatchOperator[] = ['=~', '!~', '!=', '='];

function readSelector(text: string): Matcher[] {
  const input = new SelectorText(text);
  if (text.length > SELECTOR_CHARS_MAX) {
    const remedy = 'Split it into several rules.';
    input.fail(0, `The selector is longer than ${SELECTOR_CHARS_MAX} characters.`, remedy);
  }
  input.peek();
  const matchers: Matcher[] = [];
  const name = input.takePattern(METRIC_NAME);
  if (name !== '') matchers.push({ name: METRIC_NAME_LABEL, operator: '=', value: name });
  if (input.peek() === '{') readMatchers(input, matchers);
  else if (name === '') {
    const message = 'A metric name or { is expected here.';
    input.fail(input.at, message, 'Write a selector such as http_requests_total{code=~"5.."}.');
  }
  if (input.peek() !== '') {
    const remedy = 'Only a series selector fits here: no range, offset, function or operator.';
    input.fail(input.at, 'The selector ends before this.', remedy);
  }
  return matchers;
}

/** `matchers` holds the metric name already, if one was written in front. */
function readMatchers(input: SelectorText, matchers: Matcher[]): void {
  input.take('{');
  let plainNames = matchers.length;
  let nameMatchers = 0;
  while (!input.take('}')) {
    input.peek();
    const start = input.at;
    const { matcher, isPlainName } = readMatcher(input);
    if (isPlainName) plainNames += 1;
    else if (matcher.name === METRIC_NAME_LABEL) nameMatchers += 1;
    if (plainNames > 0 && plainNames + nameMatchers > 1) {
      const remedy = 'Write it once, or use only __name__ matchers within the braces.';
      input.fail(start, 'The metric name is asked for twice.', remedy);
    }
    matchers.push(matcher);
    if (matchers.length > SELECTOR_MATCHERS_MAX) {
      const remedy = 'Join values of one label into one regular expression.';
      input.fail(start, `More than ${SELECTOR_MATCHERS_MAX} matchers.`, remedy);
    }
    if (!input.take(',') && input.peek() !== '}') {
      input.fail(input.at, 'A comma or } is expected here.', 'Write matchers as a="b",c=~"d.*".');
    }
  }
}

function readMatcher(input: SelectorText): { matcher: Matcher; isPlainName: boolean } {
  const start = input.at;
  const quoted = input.takeString();
  const name = quoted ?? input.takePattern(LABEL_NAME);
  if (name === '') {
    const remedy = 'Names with other characters than A-Z a-z 0-9 _ are written in quotes.';
    input.fail(start, 'A label name is expected here.', remedy);
  }
  const operator = OPERATORS.find((word) => input.take(word));
  if (operator === undefined) {
    if (quoted === undefined) {
      const remedy = 'Write a matcher such as a="b"; a metric name alone needs quotes.';
      input.fail(input.at, 'One of = != =~ !~ is expected here.', remedy);
    }
    const matcher: Matcher = { name: METRIC_NAME_LABEL, operator: '=', value: name };
    return { matcher, isPlainName: true };
  }
  input.peek();
  const valueStart = input.at;
  const value = input.takeString();
  if (value === undefined) {
    input.fail(valueStart, 'A value in quotes is expected here.', `Write ${name}${operator}"…".`);
  }
  if (operator === '=~' || operator === '!~') checkRegex(input, valueStart, value);
  return { matcher: { name, operator, value }, isPlainName: false };
}

function checkRegex(input: SelectorText, at: number, pattern: string): void {
  try {
    compileRegex(pattern);
  } catch (error) {
    if (!(error instanceof RE2JSException)) throw error;
    const remedy = 'Use the syntax of RE2, without look-around and back references.';
    input.fail(at, `The regular expression is not valid: ${error.message}.`, remedy);
  }
}
