import { Emphasis } from './emphases.ts';
import type { Mutant } from './mutant.ts';

const CHECKPOINT = 'packages/checkpoint/src';

/** Of copies of states, and of what the log may forget because there are some. */
export const CHECKPOINT_MUTANTS: readonly Mutant[] = [
  {
    name: 'the manifest is written before the chunks',
    emphasis: Emphasis.checkpoints,
    patches: [
      {
        file: `${CHECKPOINT}/make-checkpoint.ts`,
        text: 'for (const pieces of chunkPages(pages, chunkBytesMax)) {\n    const payload',
        replacement: `const early = { ...content, checkpointId, firstChunkOffset: 0 };
          await append(sources, {
            ...{ partition, signal },
            payload: encodeCheckpointRecord({ kind: CheckpointRecordKind.manifest, ...early }),
          });
          for (const pieces of chunkPages(pages, chunkBytesMax)) {
            const payload`,
      },
    ],
  },
  {
    name: 'events are released ahead of what the store has flushed',
    emphasis: Emphasis.storeBehind,
    patches: [
      {
        file: 'services/writer/src/release-events.ts',
        text: 'const position = Math.min(folded.position, stored.mark.offset, held);',
        replacement: 'const { position } = folded;',
      },
    ],
  },
  {
    name: 'events are released without reading the checkpoint back',
    emphasis: Emphasis.damagedCheckpoints,
    patches: [
      {
        file: `${CHECKPOINT}/checkpoint-retention.ts`,
        text: 'fault === undefined && manifest.logId === done.logId',
        replacement: 'fault !== null && manifest.logId === done.logId',
      },
    ],
  },
  {
    name: 'the event before the checkpoint is released',
    emphasis: Emphasis.checkpoints,
    patches: [
      {
        file: `${CHECKPOINT}/checkpoint-retention.ts`,
        text: 'Math.min(base.manifest.position, archivedTo) - 1;',
        replacement: 'Math.min(base.manifest.position, archivedTo);',
      },
    ],
  },
  {
    name: 'a copy of a state that was rolled back takes the place of the one way back',
    emphasis: Emphasis.rolledBack,
    patches: [
      {
        file: `${CHECKPOINT}/checkpoint-retention.ts`,
        text: 'start === 0 || position > start',
        replacement: 'start === 0 || position >= 0',
      },
    ],
  },
  {
    name: 'any copy of the first chunk stands for the one that the manifest names',
    emphasis: Emphasis.damagedCopies,
    patches: [
      {
        file: `${CHECKPOINT}/checkpoint-scan.ts`,
        text: 'sequences?.get(firstChunkOffset)',
        replacement: 'sequences?.values().next().value',
      },
    ],
  },
  {
    name: 'only the newest checkpoints are kept although the store is behind them',
    emphasis: Emphasis.storeBehind,
    patches: [
      {
        file: `${CHECKPOINT}/checkpoint-retention.ts`,
        text: 'const kept = [base];',
        replacement: 'const kept: ScannedCheckpoint[] = [];',
      },
    ],
  },
  {
    name: 'a restored state takes a chunk of another attempt',
    emphasis: Emphasis.manyMakers,
    patches: [
      {
        file: `${CHECKPOINT}/read-checkpoint.ts`,
        text: 'if (record.checkpointId === manifest.checkpointId) collector.add(record);',
        replacement: 'collector.add(record);',
      },
    ],
  },
  {
    name: 'a checkpoint of another log is restored',
    emphasis: Emphasis.otherLog,
    patches: [
      {
        file: `${CHECKPOINT}/usable-checkpoint.ts`,
        text: 'if (found !== logId) return `it is of log ${logId}, and metrics.events is log ${found}`;',
        replacement: 'void found;',
      },
    ],
  },
  {
    name: 'a checkpoint is believed without its digest',
    emphasis: Emphasis.damagedCheckpoints,
    patches: [
      {
        file: `${CHECKPOINT}/read-checkpoint.ts`,
        text: "return sum.pagesDigest === pagesDigest ? undefined : 'its pages fail their checksum';",
        replacement: 'void pagesDigest;\n    return undefined;',
      },
    ],
  },
  {
    name: 'a state is put back to a checkpoint above what the store has',
    emphasis: Emphasis.storeBehind,
    patches: [
      {
        file: `${CHECKPOINT}/restore-point.ts`,
        text: 'if (manifest.position <= positionMax) return undefined;',
        replacement: 'if (positionMax > 0) return undefined;',
      },
    ],
  },
  {
    name: 'checkpoints of one partition stay for ever when one takes all their bytes',
    emphasis: Emphasis.checkpoints,
    patches: [
      {
        file: 'services/transformer/src/checkpoint-room.ts',
        text: 'return bytes > this.#settings.segmentBytes;',
        replacement: 'return from >= 0;',
      },
    ],
  },
];
