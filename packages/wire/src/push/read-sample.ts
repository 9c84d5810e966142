import { compareBytes, METRIC_NAME_LABEL, SampleKind, type Label } from '@millrace/model';
import { nearestWord } from '@millrace/runtime';
import { checkLabels, isLonger, textFault, type Rejection } from '../samples/check-labels.ts';
import { quote } from '../samples/quote.ts';
import { parseTime, unitFault } from './parse-time.ts';
import { parseValue } from './parse-value.ts';
import type { PushLimits } from './push-limits.ts';
import type { PushSample } from './push-sink.ts';

const FIELDS = ['name', 'labels', 'value', 'time', 'kind', 'id'];

/** What other systems call our fields. */
const OTHER_NAMES = new Map([
  ['metric', 'name'],
  ['tags', 'labels'],
  ['attributes', 'labels'],
  ['timestamp', 'time'],
  ['ts', 'time'],
  ['type', 'kind'],
]);

const KINDS = new Map<unknown, SampleKind>([
  ['gauge', SampleKind.gauge],
  ['cumulative', SampleKind.cumulative],
  ['counter', SampleKind.cumulative],
  ['delta', SampleKind.delta],
  ['event', SampleKind.event],
]);

interface Fields {
  name: unknown;
  labels: unknown;
  value: unknown;
  time: unknown;
  kind: unknown;
  id: unknown;
}

/** How a parser hands over objects. */
export interface ObjectForm {
  /** The key that a property's name stands for. */
  keyOf: (property: string) => string;
  /** Whether an infinite number was sent as such; in JSON it is one too large for a float64. */
  infinities: boolean;
}

/** Checks one parsed sample. Every key is looked at, so none is misspelt in silence. */
export function readSample(
  raw: unknown,
  form: ObjectForm,
  limits: PushLimits,
): PushSample | Rejection {
  if (!isObject(raw)) {
    return { reason: 'not_an_object', detail: `the sample is ${describe(raw)}` };
  }
  const fields: Fields = {
    name: undefined,
    labels: undefined,
    value: undefined,
    time: undefined,
    kind: undefined,
    id: undefined,
  };
  // Only own keys are read, and only into known fields, so a key like __proto__ does nothing.
  for (const property of Object.keys(raw)) {
    if (!setField(fields, property, raw[property])) return unknownField(form.keyOf(property));
  }
  const value = parseValue(fields.value, form.infinities);
  if (typeof value !== 'number') return value;
  const timeUs = fields.time === undefined ? undefined : parseTime(fields.time);
  if (typeof timeUs === 'object') return timeUs;
  const kind = fields.kind === undefined ? SampleKind.gauge : KINDS.get(fields.kind);
  if (kind === undefined) return unknownKind(fields.kind);
  const id = fields.id === undefined ? undefined : parseId(fields.id, limits);
  if (typeof id === 'object') return id;
  const labels = readLabels(fields, form);
  if (!Array.isArray(labels)) return labels;
  const broken = checkLabels(labels, limits);
  if (broken !== undefined) return broken;
  const refusal = unitFault(fields.time) ?? idFault(id, kind, fields.kind);
  return { name: fields.name as string, labels, value, timeUs, kind, id, refusal };
}

function setField(fields: Fields, key: string, value: unknown): boolean {
  switch (key) {
    case 'name':
    case 'labels':
    case 'value':
    case 'time':
    case 'kind':
    case 'id':
      fields[key] = value;
      return true;
    default:
      return false;
  }
}

/** The labels, sorted, with the name as `__name__`; not yet checked against limits. */
function readLabels(fields: Fields, form: ObjectForm): Label[] | Rejection {
  const name = fields.name;
  if (name === undefined) return { reason: 'missing_name', detail: 'there is no field name' };
  if (typeof name !== 'string') {
    return { reason: 'invalid_name', detail: `the name is ${describe(name)}` };
  }
  const labels: Label[] = [[METRIC_NAME_LABEL, name]];
  const raw = fields.labels === undefined ? {} : fields.labels;
  if (!isObject(raw)) {
    return { reason: 'invalid_label_value', detail: `labels is ${describe(raw)}` };
  }
  for (const property of Object.keys(raw)) {
    const label = form.keyOf(property);
    const value = raw[property];
    if (typeof value !== 'string') {
      const detail = `the value of label ${quote(label)} is ${describe(value)}`;
      return { reason: 'invalid_label_value', detail };
    }
    if (label === METRIC_NAME_LABEL) {
      return { reason: 'invalid_label_name', detail: 'labels has a label __name__' };
    }
    // An empty value means the label is absent, as in Prometheus.
    if (value !== '') labels.push([label, value]);
  }
  return labels.sort((a, b) => compareBytes(a[0], b[0]));
}

/**
 * Other samples are told apart by series and time: an id would be passed over, and whoever counts
 * on it would have a retry counted twice, or a second delta of one time taken for the first.
 */
function idFault(id: string | undefined, kind: SampleKind, sent: unknown): Rejection | undefined {
  if (id === undefined || kind === SampleKind.event) return undefined;
  const shown = typeof sent === 'string' ? `is a ${sent}` : 'has no kind, which makes it a gauge';
  return { reason: 'invalid_id', detail: `the sample has an id and ${shown}` };
}

function parseId(id: unknown, limits: PushLimits): string | Rejection {
  // Database keys are often numbers; those that JSON carries exactly are taken as their text.
  if (typeof id === 'number' && Number.isSafeInteger(id)) return String(id);
  if (typeof id !== 'string') return { reason: 'invalid_id', detail: `the id is ${describe(id)}` };
  if (id === '') return { reason: 'invalid_id', detail: 'the id is empty' };
  if (isLonger(id, limits.idBytesMax)) {
    const detail = `the id ${quote(id)} takes more than ${limits.idBytesMax} bytes`;
    return { reason: 'invalid_id', detail };
  }
  if (textFault(id) === undefined) return id;
  return { reason: 'invalid_id', detail: `the id is ${quote(id)}` };
}

function unknownField(field: string): Rejection {
  const meant = OTHER_NAMES.get(field.toLowerCase()) ?? nearestWord(field, FIELDS);
  const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
  return { reason: 'unknown_field', detail: `the field is ${quote(field)}${hint}` };
}

function unknownKind(kind: unknown): Rejection {
  if (typeof kind !== 'string') {
    return { reason: 'unknown_kind', detail: `the kind is ${describe(kind)}` };
  }
  const meant = nearestWord(kind, [...KINDS.keys()].map(String));
  const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
  return { reason: 'unknown_kind', detail: `the kind is ${quote(kind)}${hint}` };
}

function isObject(raw: unknown): raw is Record<string, unknown> {
  return typeof raw === 'object' && raw !== null && Object.getPrototypeOf(raw) === Object.prototype;
}

function describe(raw: unknown): string {
  if (raw === null) return 'null';
  if (Array.isArray(raw)) return 'an array';
  if (typeof raw === 'object') return isObject(raw) ? 'an object' : 'binary data';
  if (typeof raw === 'string') return `the string ${quote(raw)}`;
  if (typeof raw === 'number' || typeof raw === 'boolean') return `the ${typeof raw} ${raw}`;
  return `of type ${typeof raw}`;
}
