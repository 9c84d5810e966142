import { Emphasis } from './emphases.ts';
import type { Mutant } from './mutant.ts';

const FOLD = 'services/transformer/src/fold';

/** Of samples that are more, or less, than a time and a number, and of what comes beside them. */
export const SAMPLE_MUTANTS: readonly Mutant[] = [
  {
    name: 'native histograms of one time are all alike',
    emphasis: Emphasis.backlogs,
    patches: [
      {
        file: `${FOLD}/data-fold.ts`,
        text: 'isHistogram ? histogramBits(this.#side.histogram) : sample.value;',
        replacement: 'isHistogram ? 0 : sample.value;',
      },
    ],
  },
  {
    name: 'a histogram is dropped where a record is entered in the middle',
    emphasis: Emphasis.appendedTwice,
    patches: [
      {
        file: 'packages/wire/src/series/series-record-codec.ts',
        text: 'slice(skip.get(rowType) ?? 0)',
        replacement: 'slice(skip.get(EntryType.sample) ?? 0)',
      },
    ],
  },
  {
    name: 'a receiver gives an arrival time away twice',
    patches: [
      {
        file: 'services/receiver/src/requests/taken-times.ts',
        text: 'Math.max(wantedUs, before.toUs + 1)',
        replacement: 'wantedUs',
      },
    ],
  },
  {
    name: 'two arrivals at one time are one',
    patches: [
      {
        file: `${FOLD}/data-fold.ts`,
        text: 'if (isUntimed) sample.timeUs = dedupe.freeTime(slot, sample.timeUs);',
        replacement: '',
      },
    ],
  },
  {
    name: 'an arrival below the floor cannot be told',
    emphasis: Emphasis.wrongClocks,
    patches: [
      {
        file: `${FOLD}/data-fold.ts`,
        text: 'if (verdict === Verdict.unverified && isUntimed) {',
        replacement: 'if (verdict > Verdict.unverified) {',
      },
    ],
  },
  {
    name: 'exemplars of a part that was seen come again',
    emphasis: Emphasis.repeats,
    patches: [
      {
        file: `${FOLD}/data-fold.ts`,
        text: 'if (!seenBefore) this.#passBy(record);',
        replacement: 'this.#passBy(record);',
      },
    ],
  },
  {
    name: 'metadata of a metric is put out once and for ever',
    patches: [
      {
        file: 'services/transformer/src/memory/metadata-memory.ts',
        text: 'if (this.#known.get(key) === value) return false;',
        replacement: 'if (this.#known.has(key)) return false;',
      },
    ],
  },
];
