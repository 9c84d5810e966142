import { MillraceError } from '@millrace/runtime';
import { completeSettings, type FoldSettings } from '@millrace/wire';
import { encode } from '@msgpack/msgpack';
import { DefinitionMemory } from '../memory/definition-memory.ts';
import { IdentityMemory } from '../memory/identity-memory.ts';
import { LabelMemory } from '../memory/label-memory.ts';
import { LedgerMemory } from '../memory/ledger-memory.ts';
import { LossMemory } from '../memory/loss-memory.ts';
import { MetadataMemory } from '../memory/metadata-memory.ts';
import { ReceiverMemory } from '../memory/receiver-memory.ts';
import { beginPages } from '../memory/page-memory.ts';
import { SeriesMemory } from '../memory/series-memory.ts';
import {
  pageAt,
  stateIncomplete,
  type ChangedPages,
  type StatePages,
} from '../memory/state-pages.ts';
import { SeriesDedupe } from './dedupe.ts';
import { Editions, type SavedGeneration } from './editions.ts';
import { checkBarrierSettings, rulesOfBarrier, type BarrierInForce } from './read-barrier.ts';
import { readSavedHeader, STATE_VERSION, type SavedHeader } from './saved-header.ts';
import { Placements } from './series-placement.ts';
import { WindowFold } from './window-fold.ts';

/** The page that says how to read all others. */
export const HEADER_KEY = 'header';

/** What the partition knows before any rules are in force, and beside its tables. */
export interface PartitionHead {
  logId: string;
  logNumber: number;
  /** The next offset to fold. */
  position: number;
  /** Digest of the record before the position; empty when there was none. */
  lastDigest: string;
  partitionTimeUs: number;
  /** Largest time of any sample so far. */
  largestTimeUs: number;
  /** Nothing at or below it is known of a series that is not remembered. */
  partitionFloorUs: number;
  /** Largest of partition time − lateness so far: it stays when lateness grows. */
  watermarkUs: number;
  /** Largest futureSkewUs that was ever in force: identities that came under it may remain. */
  skewMaxUs: number;
  /** A person wants what came of events below it put out again: no newer checkpoint skips them. */
  againBelow?: number;
}

/** What is known of a log before its first record is folded. */
export function newPartitionHead(logId: string, logNumber: number): PartitionHead {
  return {
    logId,
    logNumber,
    position: 0,
    lastDigest: '',
    partitionTimeUs: 0,
    largestTimeUs: 0,
    partitionFloorUs: -Infinity,
    watermarkUs: -Infinity,
    skewMaxUs: 0,
  };
}

/** Everything that folding reads and writes once a barrier brought rules. */
export interface FoldTables {
  barrier: BarrierInForce;
  /** Those in force. One object for the tables' whole life: all of them read it. */
  settings: FoldSettings;
  editions: Editions;
  placements: Placements;
  series: SeriesMemory;
  dedupe: SeriesDedupe;
  identities: IdentityMemory;
  receivers: ReceiverMemory;
  losses: LossMemory;
  definitions: DefinitionMemory;
  labels: LabelMemory;
  metadata: MetadataMemory;
  windows: WindowFold;
  ledger: LedgerMemory;
}

export function createTables(
  barrier: BarrierInForce,
  generations?: readonly SavedGeneration[],
): FoldTables {
  const settings = { ...barrier.settings };
  const rules = rulesOfBarrier(barrier);
  checkBarrierSettings(settings, rules);
  const editions = new Editions(rules, generations);
  const placements = new Placements(editions);
  const series = new SeriesMemory(settings);
  series.onForget = (slot) => placements.forget(slot);
  const labels = new LabelMemory(settings);
  // Whether a series has labels must not depend on what is cached.
  labels.onForget = (keys, at) => {
    const { index } = series;
    const slot = index.find(keys[at]!, keys[at + 1]!, keys[at + 2]!, keys[at + 3]!);
    if (slot >= 0) placements.forget(slot);
  };
  const receivers = new ReceiverMemory(settings);
  const losses = new LossMemory();
  receivers.onForget = (receiver) => losses.forget(receiver);
  return {
    barrier,
    settings,
    editions,
    placements,
    series,
    dedupe: new SeriesDedupe(series, settings),
    identities: new IdentityMemory(settings),
    receivers,
    losses,
    definitions: new DefinitionMemory(settings),
    labels,
    metadata: new MetadataMemory(settings),
    windows: new WindowFold(settings, editions.plans, barrier.foldVersion),
    ledger: new LedgerMemory(),
  };
}

/** The pages that changed since they were last taken, the header among them. */
export function takePages(head: PartitionHead, tables: FoldTables | undefined): ChangedPages {
  const pages: ChangedPages = new Map();
  beginPages();
  tables?.series.takePages(pages);
  tables?.identities.takePages(pages);
  tables?.definitions.takePages(pages);
  tables?.labels.takePages(pages);
  tables?.metadata.takePages(pages);
  tables?.windows.pieces.takePages(pages);
  const header: SavedHeader = {
    version: STATE_VERSION,
    head,
    ...(tables === undefined
      ? {}
      : { barrier: tables.barrier, generations: tables.editions.save() }),
    seriesEnd: tables?.series.slotsEnd ?? 0,
    identities: [...(tables?.identities.bounds ?? [0, 0])],
    identityFloorUs: tables?.identities.floorUs ?? -Infinity,
    receivers: tables?.receivers.save() ?? [],
    ...(tables === undefined ? {} : { losses: tables.losses.save() }),
    definitionsEnd: tables?.definitions.end ?? 0,
    labelsEnd: tables?.labels.slotsEnd ?? 0,
    metadataSize: tables?.metadata.size ?? 0,
    pieces: [...(tables?.windows.pieces.extent ?? [0, 0])],
    ledger: tables?.ledger.save() ?? [[], []],
  };
  pages.set(HEADER_KEY, encode(header));
  // What is kept is the caller's from here on.
  beginPages();
  return pages;
}

/** Reads what `takePages` wrote over time. A missing page is a refusal, never zero. */
export function loadPages(pages: StatePages): LoadedState {
  return reading(() => load(pages));
}

export interface LoadedState {
  head: PartitionHead;
  tables: FoldTables | undefined;
}

/**
 * The same for a fold of its own: what is remembered of series, requests and receivers, which no
 * rules decide, under the barrier that `barrierOf` makes of the one in force. Without what rules
 * made of it: open pieces, retired editions, and which series are defined.
 */
export function loadMemory(
  pages: StatePages,
  barrierOf: (inForce: BarrierInForce) => BarrierInForce,
): LoadedState {
  return reading(() => {
    const header = readSavedHeader(pageAt(pages, HEADER_KEY));
    const barrier = barrierInForce(header);
    if (barrier === undefined) return { head: headOf(header), tables: undefined };
    const tables = createTables(barrierOf(barrier));
    loadRemembered(tables, header, pages);
    return { head: headOf(header, barrier), tables };
  });
}

/** The pages that `loadMemory` reads beside the header. */
export function memoryPages(pages: StatePages): Map<string, Uint8Array> {
  return new Map([...pages].filter(([key]) => key !== HEADER_KEY && !/^[pd]\d+$/.test(key)));
}

/** How far a state is, without reading more of it. */
export function headOfPages(pages: StatePages): { head: PartitionHead; inForce: number } {
  return reading(() => {
    const header = readSavedHeader(pageAt(pages, HEADER_KEY));
    const barrier = barrierInForce(header);
    return { head: headOf(header, barrier), inForce: barrier?.number ?? 0 };
  });
}

/** What cannot be read is a state that is no use, whatever was thrown. */
export function reading<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof MillraceError) throw error;
    throw stateIncomplete('a page of it cannot be read', error);
  }
}

function load(pages: StatePages): LoadedState {
  const header = readSavedHeader(pageAt(pages, HEADER_KEY));
  const barrier = barrierInForce(header);
  if (barrier === undefined) return { head: headOf(header), tables: undefined };
  const tables = createTables(barrier, header.generations);
  loadRemembered(tables, header, pages);
  tables.definitions.load(header.definitionsEnd, pages);
  tables.windows.pieces.load(header.pieces, pages);
  tables.windows.restore();
  tables.ledger.load(header.ledger);
  return { head: headOf(header, barrier), tables };
}

export function barrierInForce({ barrier }: SavedHeader): BarrierInForce | undefined {
  return barrier && { ...barrier, settings: completeSettings(barrier.settings) };
}

export function headOf({ head }: SavedHeader, barrier?: BarrierInForce): PartitionHead {
  if (barrier === undefined) return { watermarkUs: -Infinity, skewMaxUs: 0, ...head };
  const { latenessUs, futureSkewUs } = barrier.settings;
  const watermarkUs = head.partitionTimeUs - latenessUs;
  return { watermarkUs, skewMaxUs: futureSkewUs, ...head };
}

function loadRemembered(tables: FoldTables, header: SavedHeader, pages: StatePages): void {
  tables.series.load(header.seriesEnd, pages);
  tables.labels.load(header.labelsEnd ?? 0, pages);
  loadBesideSeries(tables, header, pages);
}

/** Requests, receivers, losses, metadata. */
export function loadBesideSeries(tables: FoldTables, header: SavedHeader, pages: StatePages): void {
  tables.identities.load(header.identities, pages);
  tables.identities.floorUs = header.identityFloorUs;
  tables.receivers.load(header.receivers);
  if (header.losses !== undefined) tables.losses.load(header.losses);
  tables.metadata.load(header.metadataSize, pages);
}
