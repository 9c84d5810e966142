import {
  EntryType,
  SeriesRecordBuilder,
  type AddressedEntry,
  type SeriesRecordHeader,
} from '@millrace/wire';

type RowType = Parameters<SeriesRecordBuilder['entry']>[0];

/** What a builder makes of these entries at these addresses. */
export function rebuildSeriesRecord(
  header: SeriesRecordHeader,
  entries: readonly AddressedEntry[],
): Uint8Array {
  const builder = new SeriesRecordBuilder(header, header.from, Number.MAX_SAFE_INTEGER);
  builder.digestOf = () => header.folded?.digest;
  let { offset } = header.from;
  for (const { address, type, value } of entries) {
    if (address.offset !== offset) {
      offset = address.offset;
      builder.begin(offset);
    }
    if (type === EntryType.sample) {
      const [seriesId, timeUs, sampleValue, flags] = value as [Uint8Array, number, number, number];
      const lanes = new Uint32Array(seriesId.slice().buffer);
      builder.sample(lanes, 0, timeUs, sampleValue, flags);
    } else builder.entry(type as RowType, value as never);
  }
  // A builder ends only between offsets; a record that was cut within one ends behind it here.
  builder.flush(header.to.ordinal === 0 ? header.to.offset : offset + 1);
  return builder.sealed[0]?.payload ?? new Uint8Array(0);
}
