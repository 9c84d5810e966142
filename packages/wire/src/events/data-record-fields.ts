import {
  arrayField,
  corruptRecord,
  countField,
  numberField,
  pairsField,
  textsField,
  timeField,
} from '../fields/columns.ts';
import { IdentityKind, type DataRecord, type MetricMetadata } from './events-record.ts';
import { TextCache } from '../fields/text-cache.ts';

/** Bytes as hex: a receiver, a log. */
export function hexField(bytes: Uint8Array): string {
  return HEXES.of(bytes, 0, bytes.length);
}

const HEXES = new TextCache((bytes, start, end) =>
  Buffer.from(bytes.subarray(start, end)).toString('hex'),
);

export function identityKindField(value: unknown): IdentityKind {
  const known = IDENTITY_KINDS.find((kind) => kind === value);
  if (known === undefined) throw corruptRecord(`its identity is of kind ${String(value)}`);
  return known;
}

const IDENTITY_KINDS = Object.values(IdentityKind);

/** An offset, or -1: none. */
export function acknowledgedFromField(value: unknown): number {
  return value === -1 ? value : countField(value, 'acknowledged from');
}

export function exemplarField(value: unknown): DataRecord['exemplars'][number] {
  const [seriesIndex, timeUs, sampleValue, labels] = arrayField(value, 'exemplar');
  return {
    seriesIndex: countField(seriesIndex, 'exemplar series'),
    timeUs: timeField(timeUs, 'exemplar time'),
    value: numberField(sampleValue, 'exemplar value'),
    labels: pairsField(labels, 'exemplar labels'),
  };
}

export function exemplarRow(exemplar: DataRecord['exemplars'][number]): unknown[] {
  const { seriesIndex, timeUs, value, labels } = exemplar;
  return [seriesIndex, timeUs, value, labels.flat()];
}

export function metadataRow({ metric, type, help, unit }: MetricMetadata): unknown[] {
  return [metric, type, help, unit];
}

export function metadataField(value: unknown): MetricMetadata {
  const [metric = '', type = '', help = '', unit = ''] = textsField(value, 'metadata');
  return { metric, type, help, unit };
}
