import {
  compareBytes,
  METRIC_NAME_LABEL,
  sortLabels,
  type Label,
  type LabelSet,
} from '@millrace/model';
import { DEFAULT_LABEL_LIMITS, type LabelLimits } from './label-limits.ts';
import { quote } from './quote.ts';
import type { RejectReason } from './reject-reasons.ts';

/** Why something was refused; `detail` is an English clause without a full stop. */
export interface Rejection {
  reason: RejectReason;
  detail: string;
}

/**
 * The labels as they identify a series: sorted by the bytes of their names, without those whose
 * value is empty, because an empty label is no label. Duplicates stay for `checkLabels` to find.
 */
export function canonicalLabels(labels: readonly Label[]): LabelSet {
  return sortLabels(labels.filter(([, value]) => value !== ''));
}

/**
 * The first rule that a series' labels break, or undefined. They include `__name__`; their order
 * does not matter. Names may be any text, as in Prometheus 3, except that PostgreSQL cannot
 * store NUL.
 */
export function checkLabels(
  labels: readonly Label[],
  limits: LabelLimits = DEFAULT_LABEL_LIMITS,
): Rejection | undefined {
  if (labels.length > limits.labelsMax + 1) return tooManyLabels(labels.length - 1, limits);
  let named = false;
  let ascending = true;
  let previous = '';
  for (const [name, value] of labels) {
    const isName = name === METRIC_NAME_LABEL;
    const broken = isName ? checkName(value, limits) : checkLabel(name, value, limits);
    if (broken !== undefined) return broken;
    named ||= isName;
    ascending &&= compareBytes(previous, name) < 0;
    previous = name;
  }
  if (!ascending) {
    const broken = checkDuplicates(labels);
    if (broken !== undefined) return broken;
  }
  if (!named) return { reason: 'missing_name', detail: 'there is no label __name__' };
  return undefined;
}

function checkName(name: string, limits: LabelLimits): Rejection | undefined {
  if (name === '') return { reason: 'invalid_name', detail: 'the name is empty' };
  const reason = textFault(name);
  if (reason !== undefined) return { reason, detail: `the name is ${quote(name)}` };
  if (isLonger(name, limits.nameBytesMax)) {
    return {
      reason: 'name_too_long',
      detail: tooLong(`the name ${quote(name)}`, limits.nameBytesMax),
    };
  }
  return undefined;
}

function checkLabel(name: string, value: string, limits: LabelLimits): Rejection | undefined {
  if (name === '') {
    return {
      reason: 'invalid_label_name',
      detail: `a label name is empty, its value is ${quote(value)}`,
    };
  }
  const reason = textFault(name) ?? textFault(value);
  if (reason !== undefined) {
    return { reason, detail: `the label is ${quote(name)} = ${quote(value)}` };
  }
  if (isLonger(name, limits.labelNameBytesMax)) {
    const detail = tooLong(`the label name ${quote(name)}`, limits.labelNameBytesMax);
    return { reason: 'label_name_too_long', detail };
  }
  if (isLonger(value, limits.labelValueBytesMax)) {
    const detail = tooLong(`the value of label ${quote(name)}`, limits.labelValueBytesMax);
    return { reason: 'label_value_too_long', detail };
  }
  return undefined;
}

/** NUL and halves of surrogate pairs: what text may hold in JavaScript, but not in the store. */
export function textFault(text: string): 'nul_in_label' | 'invalid_utf8' | undefined {
  if (text.includes('\0')) return 'nul_in_label';
  return LONE_SURROGATE.test(text) ? 'invalid_utf8' : undefined;
}

const LONE_SURROGATE = /\p{Surrogate}/u;

/** True when the text takes more than `bytesMax` bytes of UTF-8. */
export function isLonger(text: string, bytesMax: number): boolean {
  // One UTF-16 unit takes one to three bytes, so most texts need not be measured.
  if (text.length > bytesMax) return true;
  return text.length * 3 > bytesMax && Buffer.byteLength(text) > bytesMax;
}

function tooLong(what: string, bytesMax: number): string {
  return `${what} takes more than ${bytesMax} bytes`;
}

function tooManyLabels(count: number, limits: LabelLimits): Rejection {
  return {
    reason: 'too_many_labels',
    detail: `the series has ${count} labels, the limit is ${limits.labelsMax}`,
  };
}

function checkDuplicates(labels: readonly Label[]): Rejection | undefined {
  const seen = new Set<string>();
  for (const [name] of labels) {
    if (seen.has(name)) {
      return { reason: 'duplicate_label', detail: `the label ${quote(name)} occurs twice` };
    }
    seen.add(name);
  }
  return undefined;
}
