import { labelValue, SAMPLE_KIND_NAMES } from '@millrace/model';
import type { ContentPiece, StoreContents } from '../testing/store-contents.ts';
import { describeStoreReader } from '../testing/reader-contract.ts';
import { describeStore } from '../testing/store-contract.ts';
import { createMemoryStore } from './memory-store.ts';
import { createMemoryStoreReader } from './memory-store-reader.ts';
import { MemoryStoreDatabase, type MemoryPiece } from './memory-store-database.ts';

describeStore('The memory store', async () => {
  const database = new MemoryStoreDatabase();
  return {
    open: () => createMemoryStore(database),
    contents: async () => contentsOf(database),
    ledger: async (partition) => database.ledger(partition),
    reasons: async (partition) => database.reasons(partition),
    dispose: async () => undefined,
  };
});

describeStoreReader('The memory store', async () => {
  const database = new MemoryStoreDatabase();
  return {
    open: () => createMemoryStore(database),
    openReader: () => createMemoryStoreReader(database),
    dispose: async () => undefined,
  };
});

function contentsOf(database: MemoryStoreDatabase): StoreContents {
  const bySeries = (a: { seriesId: string }, b: { seriesId: string }) =>
    a.seriesId < b.seriesId ? -1 : 1;
  return {
    samples: database.samples.toSorted((a, b) => a.timeUs - b.timeUs),
    histograms: database.histograms.map(({ histogram, ...rest }) => ({
      ...rest,
      histogram: hex(histogram) ?? '',
    })),
    exemplars: database.exemplars.length,
    definitions: [...database.definitions]
      .map(([seriesId, { tenant, labels, kind }]) => ({
        seriesId,
        tenant,
        metric: labelValue(labels, '__name__') ?? '',
        labels: Object.fromEntries(labels.filter(([name]) => name !== '__name__')),
        kind: SAMPLE_KIND_NAMES[kind]!,
      }))
      .toSorted(bySeries),
    metadata: [...database.metadata].map(([key, { type, unit, help }]) => {
      const [tenant, metric] = key.split(' ');
      return { tenant: tenant!, metric: metric!, type, unit, help };
    }),
    open: [...database.open.values()].map(contentPiece).toSorted(byPiece),
    finals: database.finals.map(contentPiece).toSorted(byPiece),
    unverified: database.unverified.map(({ tenant, timeUs, value }) => ({ tenant, timeUs, value })),
    deadLetters: database.deadLetters.map(({ tenant, reason, detail }) => ({
      tenant,
      reason,
      detail,
    })),
    editions: [...database.editions.values()].map(({ edition, rule, widthsUs, aggregates }) => ({
      edition,
      rule,
      widthsUs,
      aggregates,
    })),
    served: [...database.served].map(([rule, edition]) => ({ rule, edition })),
    watermarks: database.marks.flatMap(({ partition, position, watermarkUs }) =>
      position === undefined || watermarkUs === undefined
        ? []
        : [{ partition, position, watermarkUs }],
    ),
  };
}

function contentPiece(piece: MemoryPiece): ContentPiece {
  const { fingerprint, histogram, distinct, inputs, ...rest } = piece;
  const seriesId = Buffer.from(fingerprint.subarray(0, 8)).toString('hex');
  return {
    ...rest,
    seriesId,
    histogram: hex(histogram),
    distinct: hex(distinct),
    inputs: hex(inputs),
  };
}

function byPiece(a: ContentPiece, b: ContentPiece): number {
  return (
    a.widthUs - b.widthUs || a.startUs - b.startUs || a.partition - b.partition || a.piece - b.piece
  );
}

function hex(bytes: Uint8Array | undefined): string | undefined {
  return bytes === undefined ? undefined : Buffer.from(bytes).toString('hex');
}
