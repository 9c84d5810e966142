import { labelValue, METRIC_NAME_LABEL, SAMPLE_KIND_NAMES, type LabelSet } from '@millrace/model';
import type { BinaryWriter } from '../connection/binary-writer.ts';
import { writeCopyHeader } from '../connection/copy-header.ts';

/** Of one series what a batch says of it. */
export interface Definition {
  fingerprint: Uint8Array;
  tenant: string;
  labels: LabelSet;
  kind: number;
  firstUs: number;
  lastUs: number;
}

const COLUMNS = 8;
/** As many as of packs. */
const SLICE_BYTES = 128 * 1024;

/**
 * Definitions as rows of `series_definitions` in the format of binary COPY, some at a time: each
 * slice is valid until the next one is asked for.
 */
export function* encodeDefinitionCopy(
  into: BinaryWriter,
  definitions: readonly Definition[],
): Generator<Buffer, void> {
  into.clear();
  writeCopyHeader(into);
  for (const definition of definitions) {
    writeRow(into, definition);
    if (into.length < SLICE_BYTES) continue;
    yield into.written();
    into.clear();
  }
  into.int16(-1);
  yield into.written();
}

function writeRow(into: BinaryWriter, definition: Definition): void {
  const { fingerprint, tenant, labels, kind, firstUs, lastUs } = definition;
  into.int16(COLUMNS);
  into.int32(8);
  into.bytes(fingerprint, 0, 8);
  into.int32(8);
  into.bytes(fingerprint, 8, 8);
  into.sizedText(tenant);
  into.sizedText(metricOf(definition));
  into.sized(() => writeLabels(into, labels));
  into.sizedText(kindOf(kind));
  into.int32(8);
  into.time(firstUs);
  into.int32(8);
  into.time(lastUs);
}

/** As `labelsJson`, behind the version of a jsonb. */
function writeLabels(into: BinaryWriter, labels: LabelSet): void {
  into.uint8(JSONB_VERSION);
  into.uint8(OPEN);
  let isFirst = true;
  for (const [name, value] of labels) {
    if (name === METRIC_NAME_LABEL) continue;
    if (!isFirst) into.uint8(COMMA);
    isFirst = false;
    into.jsonText(name);
    into.uint8(COLON);
    into.jsonText(value);
  }
  into.uint8(CLOSE);
}

const JSONB_VERSION = 1;
const [OPEN, COMMA, COLON, CLOSE] = [0x7b, 0x2c, 0x3a, 0x7d] as const;

export function metricOf({ labels }: Pick<Definition, 'labels'>): string {
  return labelValue(labels, METRIC_NAME_LABEL) ?? '';
}

export function kindOf(kind: number): string {
  return SAMPLE_KIND_NAMES[kind] ?? 'unknown';
}

/** Labels as a JSON object, without the metric's name. */
export function labelsJson(labels: readonly (readonly [name: string, value: string])[]): string {
  let json = '{';
  for (const [name, value] of labels) {
    if (name === METRIC_NAME_LABEL) continue;
    if (json.length > 1) json += ',';
    json += `${quoted(name)}:${quoted(value)}`;
  }
  return `${json}}`;
}

/** Text as JSON; most of it needs nothing but the quotes. */
function quoted(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : JSON.stringify(text);
}

const PLAIN = /^[ !#-[\]-~]*$/;
