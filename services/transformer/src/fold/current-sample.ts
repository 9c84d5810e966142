import type { SampleKind } from '@millrace/model';
import type { SeriesPlacement } from './series-placement.ts';

/** The sample being folded: one object for all of them, because there are very many. */
export interface CurrentSample {
  /** Its number in the record. */
  i: number;
  /** The number of its series in the record. */
  s: number;
  kind: SampleKind;
  /** Slot in the series memory; -1 for events. */
  slot: number;
  placement: SeriesPlacement;
  timeUs: number;
  value: number;
  flags: number;
}
