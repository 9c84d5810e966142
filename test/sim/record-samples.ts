import { SampleFlag, SampleKind } from '@millrace/model';
import type { OracleExemplar, TestSample } from '@millrace/transformer/testing';
import { DefinitionReader, type DataRecord } from '@millrace/wire';

/** By fingerprint, and whether they are of events, whose records always say theirs. */
export type SaidLabels = Map<string, Record<string, string>>;

/** Samples with their numbers in the part as it was before admission. */
export function* samplesOf(
  record: DataRecord,
  said: SaidLabels,
): Generator<[ordinal: number, TestSample]> {
  noteLabels(record, said);
  const refused = new Set(record.refused);
  let ordinal = -1;
  let ids = 0;
  let histograms = 0;
  for (const [i, value] of record.values.entries()) {
    do ordinal += 1;
    while (refused.has(ordinal));
    const s = record.seriesIndex[i]!;
    const flags = record.flags[i]!;
    const sample: TestSample = {
      labels: labelsOf(record, s, said),
      timeUs: record.times[i]!,
      value,
      kind: record.kinds[s]! as SampleKind,
    };
    if ((flags & SampleFlag.stale) !== 0) sample.stale = true;
    if ((flags & SampleFlag.id) !== 0) {
      sample.id = record.ids[ids]!;
      ids += 1;
    }
    if ((flags & SampleFlag.untimed) !== 0) sample.untimed = true;
    if ((flags & SampleFlag.histogram) !== 0) {
      sample.histogram = record.histograms[histograms]!;
      histograms += 1;
    }
    yield [ordinal, sample];
  }
}

export function exemplarsOf(record: DataRecord, said: SaidLabels): OracleExemplar[] {
  noteLabels(record, said);
  return record.exemplars.map(({ seriesIndex, timeUs, value, labels: tells }) => {
    return { labels: labelsOf(record, seriesIndex, said), timeUs, value, tells };
  });
}

/** Remembers what a record says of its series. */
export function noteLabels(
  { definitions, fingerprints, kinds }: DataRecord,
  said: SaidLabels,
): void {
  const reader = new DefinitionReader(definitions);
  for (const row of definitions.rows) {
    const key = keyOf(fingerprints, row, kinds[row]!);
    said.set(key, Object.fromEntries(reader.definedLabels(row)));
  }
}

function labelsOf(record: DataRecord, row: number, said: SaidLabels): Record<string, string> {
  const { definitions, fingerprints, kinds } = record;
  const labels = said.get(keyOf(fingerprints, row, kinds[row]!));
  const isEvent = kinds[row] === SampleKind.event;
  const mustSay = isEvent && !definitions.rows.includes(row);
  if (labels === undefined || mustSay) throw new Error('a series whose labels no record says');
  return labels;
}

function keyOf(fingerprints: Uint8Array, row: number, kind: number): string {
  const series = Buffer.from(fingerprints.subarray(16 * row, 16 * row + 16)).toString('hex');
  return `${series} ${kind === SampleKind.event}`;
}
