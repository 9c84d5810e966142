import { Emphasis } from './emphases.ts';
import type { Mutant } from './mutant.ts';

const FOLD = 'services/transformer/src/fold';
const MEMORY = 'services/transformer/src/memory';

export const FOLD_MUTANTS: readonly Mutant[] = [
  {
    name: 'the floor is ignored',
    emphasis: Emphasis.backlogs,
    patches: [
      {
        file: `${FOLD}/dedupe.ts`,
        text: 'if (timeUs <= memory.floor.data[slot]!) return this.#belowFloor(slot, timeUs);',
        replacement: `if (timeUs <= memory.floor.data[slot]!) {
          this.neighbours.inGap = true;
          return Verdict.fresh;
        }`,
      },
    ],
  },
  {
    name: 'gaps are ignored',
    emphasis: Emphasis.backlogs,
    patches: [
      {
        file: `${FOLD}/dedupe.ts`,
        text: 'if (gaps === undefined) return Verdict.unverified;',
        replacement: 'if (gaps !== null) return Verdict.unverified;',
      },
    ],
  },
  {
    name: 'a gap is not split by what arrives in it',
    emphasis: Emphasis.backlogs,
    patches: [
      {
        file: `${FOLD}/dedupe.ts`,
        text: 'gaps.splice(i, 2, ...kept.flatMap((p) => parts.slice(p, p + 2)));',
        replacement: 'void kept;',
      },
    ],
  },
  {
    name: "a receiver's sequences are remembered as a maximum",
    patches: [
      {
        file: `${MEMORY}/receiver-memory.ts`,
        text: 'if (!addSequence(instance.stretches, record.sequence)) return false;',
        replacement: `if (record.sequence <= (instance.stretches.at(-1)?.[1] ?? 0)) return false;
          addSequence(instance.stretches, record.sequence);`,
      },
    ],
  },
  {
    name: 'ordinals that were refused count as seen',
    emphasis: Emphasis.aheadOfTime,
    patches: [
      {
        file: `${FOLD}/data-fold.ts`,
        text: 'return { seenBefore: true, retried };',
        replacement: 'return { seenBefore: true, retried: NO_ORDINALS };',
      },
    ],
  },
  {
    name: 'a part that was seen is looked at again',
    emphasis: Emphasis.repeats,
    patches: [
      {
        file: `${FOLD}/data-fold.ts`,
        text: 'if (known < 0) {',
        replacement: 'if (known < 0 || record.part > 0) {',
      },
    ],
  },
  {
    name: 'eviction once for each batch',
    emphasis: Emphasis.fewPieces,
    patches: [
      {
        file: `${FOLD}/partition-fold.ts`,
        text: 'this.#bound(offset);\n',
        replacement: `this.batch = (this.batch ?? 0) + 1;
          if (this.batch % 3 === 0) this.#bound(offset);\n`,
      },
    ],
  },
  {
    name: 'eviction inside a record, of a piece it touched',
    emphasis: Emphasis.fewPieces,
    patches: [
      {
        file: `${FOLD}/data-fold.ts`,
        text: 'else this.#foldSample(i);',
        replacement: `else this.#foldSample(i);
          for (const slot of this.#tables.windows.takeOverflow(-1)) {
            this.#out.entry(EntryType.final, this.#tables.windows.entry(slot));
            this.#tables.windows.remove(slot);
          }`,
      },
    ],
  },
  {
    name: 'the watermark goes back',
    emphasis: Emphasis.changes,
    patches: [
      {
        file: `${FOLD}/partition-fold.ts`,
        text: 'head.watermarkUs = Math.max(head.watermarkUs, head.partitionTimeUs - settings.latenessUs);',
        replacement: 'head.watermarkUs = head.partitionTimeUs - settings.latenessUs;',
      },
    ],
  },
  {
    name: 'partition time goes back',
    patches: [
      {
        file: `${FOLD}/partition-fold.ts`,
        text: 'return Math.max(partitionTimeUs, Math.min(appendTimeUs, cap));',
        replacement: 'return Math.min(appendTimeUs, cap);',
      },
    ],
  },
  {
    name: 'a late sample splits no increase',
    patches: [
      {
        file: `${FOLD}/increase-fold.ts`,
        text: 'if (nextTimeUs !== nextTimeUs) return;',
        replacement: 'if (nextTimeUs === nextTimeUs) return;',
      },
    ],
  },
  {
    name: 'a final piece goes on',
    patches: [
      {
        file: `${FOLD}/partition-fold.ts`,
        text: 'windows.remove(slot);',
        replacement: 'void slot;',
      },
    ],
  },
  {
    name: 'a rule that changes ends at once',
    emphasis: Emphasis.changes,
    patches: [
      {
        file: `${FOLD}/editions.ts`,
        text: 'const overlapUs = names.has(name) ? moment.overlapUs : 0;',
        replacement: 'const overlapUs = 0;',
      },
    ],
  },
  {
    name: 'a candidate gets nothing',
    emphasis: Emphasis.changes,
    patches: [
      {
        file: `${FOLD}/editions.ts`,
        text: '...this.#candidates.map(({ rules }) => {',
        replacement: '...this.#candidates.slice(2).map(({ rules }) => {',
      },
    ],
  },
  {
    name: 'rules that are promoted over take their editions with them',
    emphasis: Emphasis.changes,
    patches: [
      {
        file: `${FOLD}/editions.ts`,
        text: 'const goesOn = new Set(setsOf(next).flatMap(({ rules }) =>',
        replacement: 'const goesOn = new Set([next.rules].flatMap(({ rules }) =>',
      },
    ],
  },
  {
    name: 'a job goes on behind the barrier of its candidate',
    emphasis: Emphasis.changes,
    patches: [
      {
        file: 'services/transformer/src/jobs/job-fold.ts',
        text: 'record.number >= this.#job.candidate',
        replacement: 'record.number > this.#job.candidate',
      },
    ],
  },
  {
    name: 'a job leaves out what is open at its end',
    emphasis: Emphasis.changes,
    patches: [
      {
        file: 'services/transformer/src/jobs/job-fold.ts',
        text: 'out.entry(EntryType.final, windows!.entry(slot));',
        replacement: 'void windows!.entry(slot);',
      },
    ],
  },
  {
    name: 'raw samples of records that are folded together are not put out',
    emphasis: Emphasis.steady,
    patches: [
      {
        file: `${FOLD}/partition-fold.ts`,
        text: 'if (placement.keepRaw) this.#out.samples(joint.keys(number), record, 0, length);',
        replacement: 'void number;',
      },
    ],
  },
];
