import { Emphasis } from './emphases.ts';
import type { Mutant } from './mutant.ts';

/*
 * The simulator keeps what is stored in memory. Where the promise is kept by PostgreSQL's
 * transaction, the memory adapter's equivalent is broken instead.
 */
const WRITER = 'services/writer/src';
const MEMORY_STORE = 'packages/store/src/memory/memory-store.ts';
const COMPARE = 'if (mark === undefined || compareAddress(mark.mark, batch.from) !== 0) {';

export const WRITER_MUTANTS: readonly Mutant[] = [
  {
    name: 'the mark moves over a gap',
    emphasis: Emphasis.lostResults,
    patches: [
      {
        file: `${WRITER}/cursors.ts`,
        text: "if (compareAddress(header.from, next) > 0) return isAside ? 'below' : 'gap';",
        replacement: '',
      },
    ],
  },
  {
    name: 'the mark is set without comparing',
    emphasis: Emphasis.lostStates,
    patches: [{ file: MEMORY_STORE, text: COMPARE, replacement: 'if (mark === undefined) {' }],
  },
  {
    name: 'the mark is compared after the rows',
    patches: [
      {
        file: MEMORY_STORE,
        text: COMPARE,
        replacement: `for (const chunk of batch.chunks) applySamples(database, key, chunk);
          ${COMPARE}`,
      },
    ],
  },
  {
    name: 'a batch is applied from where its record begins',
    patches: [
      {
        file: `${WRITER}/read-ahead.ts`,
        text: 'let record = decodeSeriesRecordColumns(bytes, expected?.next);',
        replacement: 'let record = decodeSeriesRecordColumns(bytes);',
      },
    ],
  },
  {
    name: 'an open piece comes back after it was final',
    patches: [
      {
        file: MEMORY_STORE,
        text: 'database.open.delete(pieceKey(piece, partition));',
        replacement: '',
      },
    ],
  },
  {
    name: 'an open piece is written after its final one in the same batch',
    patches: [
      {
        file: `${WRITER}/series-batch.ts`,
        text: 'last.leaveOut(finals);',
        replacement: '',
      },
    ],
  },
  {
    name: 'one mark for jobs and for what is live',
    emphasis: Emphasis.jobs,
    patches: [
      {
        file: MEMORY_STORE,
        text: `one.partition === key.partition &&
      one.source === key.source,`,
        replacement: 'one.partition === key.partition,',
      },
    ],
  },
  {
    name: 'what is served changes too early',
    emphasis: Emphasis.changes,
    patches: [
      {
        file: 'packages/store/src/memory/served-editions.ts',
        text: 'const fromUs = Math.ceil(behindUs / stepUs) * stepUs;',
        replacement:
          'const fromUs = Math.floor(Math.min(...other.reachedUs.values()) / stepUs) * stepUs;',
      },
    ],
  },
  {
    name: 'a log that lost its end and has grown again is taken for the same',
    emphasis: Emphasis.olderLog,
    patches: [
      {
        file: `${WRITER}/check-not-ahead.ts`,
        text: 'if (isFolded) await checkFolded(where, folded);',
        replacement: '',
      },
    ],
  },
  {
    name: 'without a digest such a log is taken for the same',
    emphasis: Emphasis.olderLog,
    patches: [
      {
        file: `${WRITER}/check-not-ahead.ts`,
        text: 'if (isCounted) await checkCounted(where, counted, start);',
        replacement: '',
      },
    ],
  },
  {
    name: 'an event is told that is not the one behind the record',
    patches: [
      {
        file: 'services/transformer/src/partition-owner.ts',
        text: 'const at = offset - (this.#folding[0]?.offset ?? position);',
        replacement: 'const at = offset - 1 - (this.#folding[0]?.offset ?? position);',
      },
    ],
  },
  {
    name: 'a job of which something is missing is never taken again',
    emphasis: Emphasis.jobsAndCrashes,
    patches: [
      {
        file: `${WRITER}/cursors.ts`,
        text: 'if (isAside) this.#aside.delete(header.source);',
        replacement: "if (isAside) return 'below';",
      },
    ],
  },
];
