import { Emphasis } from './emphases.ts';
import type { Mutant } from './mutant.ts';

const STAGE = 'services/transformer/src';
const MEMORY_STATE = 'packages/state/src/memory/memory-state-store.ts';

export const PROTOCOL_MUTANTS: readonly Mutant[] = [
  {
    name: 'published by the wall clock',
    patches: [
      {
        file: `${STAGE}/partition-owner.ts`,
        text: 'fold.applyAll(decodeTogether(records, some));',
        replacement: `const appendTimeUs = this.#parts.clock.nowUs();
        fold.applyAll(
          decodeTogether(records, some).map(({ record }) => ({ record, appendTimeUs })),
        );`,
      },
    ],
  },
  {
    name: 'the state knows what was published',
    patches: [
      {
        file: `${STAGE}/partition-owner.ts`,
        text: '#publisherFor({ builder }: OwnedPartition, signal: AbortSignal)',
        replacement: '#publisherFor({ builder, fold }: OwnedPartition, signal: AbortSignal)',
      },
      {
        file: `${STAGE}/partition-owner.ts`,
        text: 'events.published(this.partition, payload.length);',
        replacement: `const pieces = fold.tables?.windows.pieces;
          for (const slot of pieces?.used() ?? []) pieces.settle(slot);
          void payload;`,
      },
    ],
  },
  {
    name: 'entries are addressed by their revision',
    patches: [
      {
        file: 'packages/wire/src/series/series-record-builder.ts',
        text: 'this.#offset = offset;\n    this.#ordinal = 0;',
        replacement: 'this.#offset = offset;',
      },
    ],
  },
  {
    name: 'committed before the series are acknowledged',
    patches: [
      {
        file: `${STAGE}/committer.ts`,
        text: 'await this.#publisher.settled();',
        replacement: '',
      },
    ],
  },
  {
    name: 'an empty range is not published',
    patches: [
      {
        file: `${STAGE}/committer.ts`,
        text: 'builder.flush(head.position);',
        replacement: 'if (builder.bytes > 0) builder.flush(head.position);',
      },
    ],
  },
  {
    name: 'an append that failed is not sent again',
    patches: [
      {
        file: `${STAGE}/publisher.ts`,
        text: 'await backoff.wait(signal);',
        replacement: 'return await backoff.wait(signal);',
      },
    ],
  },
  {
    name: 'the state is committed without comparing',
    emphasis: Emphasis.lostStates,
    patches: [
      {
        file: MEMORY_STATE,
        text: "if (!isExpected(this.#committed(commit.partition), commit.expected)) return 'outrun';",
        replacement: '',
      },
    ],
  },
  {
    name: 'after an outrun the owner goes on with what it has',
    patches: [
      {
        file: `${STAGE}/committer.ts`,
        text: "if (outcome === 'outrun') throw outrun(partition);",
        replacement: 'void outcome;',
      },
    ],
  },
  {
    name: "receivers' sequences are not saved",
    emphasis: Emphasis.appendedTwice,
    patches: [
      {
        file: `${STAGE}/fold/partition-state.ts`,
        text: 'receivers: tables?.receivers.save() ?? [],',
        replacement: 'receivers: [],',
      },
    ],
  },
  {
    name: 'a piece that was touched is not saved',
    patches: [
      {
        file: `${STAGE}/memory/piece-memory.ts`,
        text: 'numbers[at + PieceField.touchedOffset] = offset;\n    this.#dirty.mark(slot);',
        replacement: 'numbers[at + PieceField.touchedOffset] = offset;',
      },
    ],
  },
  {
    name: 'what is due is not listed again after loading',
    patches: [
      {
        file: `${STAGE}/fold/partition-state.ts`,
        text: 'tables.windows.restore();',
        replacement: '',
      },
    ],
  },
  {
    name: 'nobody completes the barriers that are missing',
    emphasis: Emphasis.changes,
    patches: [
      {
        file: `${STAGE}/partition-owner.ts`,
        text: 'if (inForce !== undefined) await barriers.complete(inForce);',
        replacement: 'void inForce;',
      },
    ],
  },
  {
    name: 'a missing page of the state counts as empty',
    emphasis: Emphasis.damagedStates,
    patches: [
      {
        file: MEMORY_STATE,
        text: 'if (pages.size !== pageCount) {',
        replacement: 'if (pages.size > pageCount) {',
      },
      {
        file: `${STAGE}/memory/series-memory.ts`,
        text: 'this.#decodePage(page, pageAt(pages, `s${page}`));',
        replacement:
          'if (pages.has(`s${page}`)) this.#decodePage(page, pageAt(pages, `s${page}`));',
      },
      {
        file: `${STAGE}/memory/state-pages.ts`,
        text: 'pageAt(pages, `${table.prefix}${page}`);',
        replacement: 'void page;',
      },
      {
        file: `${STAGE}/memory/piece-memory.ts`,
        text: 'this.#decodePage(page, pageAt(pages, `p${page}`));',
        replacement:
          'if (pages.has(`p${page}`)) this.#decodePage(page, pageAt(pages, `p${page}`));',
      },
    ],
  },
  {
    name: 'a position without its log id',
    emphasis: Emphasis.otherLog,
    patches: [
      {
        file: `${STAGE}/take-over.ts`,
        text: 'if (found !== logId) throw otherLog(partition, logId, found);',
        replacement: 'void found;',
      },
      {
        file: `${STAGE}/take-over.ts`,
        text: 'if (digest !== loaded.head.lastDigest) throw otherHistory(partition, before);',
        replacement: 'void digest;',
      },
    ],
  },
];
