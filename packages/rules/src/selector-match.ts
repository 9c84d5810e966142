import { labelValue, type LabelSet } from '@millrace/model';
import { compileRegex, type Matcher, type Selector } from './selector.ts';

/** Tells whether a label set is one of the selector's. */
export type LabelTest = (labels: LabelSet) => boolean;

/** Compiles the regular expressions once. A label the set does not have is the empty string. */
export function compileSelector(selector: Selector): LabelTest {
  const tests = selector.matchers.map((matcher): LabelTest => {
    const test = compileMatcher(matcher);
    return (labels) => test(labelValue(labels, matcher.name) ?? '');
  });
  return (labels) => tests.every((test) => test(labels));
}

/** The first matcher that does not hold; undefined when the label set is one of the selector's. */
export function firstMismatch(selector: Selector, labels: LabelSet): Matcher | undefined {
  return selector.matchers.find(
    (matcher) => !compileMatcher(matcher)(labelValue(labels, matcher.name) ?? ''),
  );
}

function compileMatcher({ operator, value }: Matcher): (text: string) => boolean {
  if (operator === '=') return (text) => text === value;
  if (operator === '!=') return (text) => text !== value;
  const regex = compileRegex(value);
  return operator === '=~' ? (text) => regex.matches(text) : (text) => !regex.matches(text);
}
