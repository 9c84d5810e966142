import { DefinitionMemory } from '../memory/definition-memory.ts';
import { LabelMemory } from '../memory/label-memory.ts';
import { PAGE_SLOTS } from '../memory/column.ts';
import { SeriesMemory } from '../memory/series-memory.ts';
import { checkPages, pageAt, type PageSource, type StatePages } from '../memory/state-pages.ts';
import {
  barrierInForce,
  createTables,
  headOf,
  HEADER_KEY,
  loadBesideSeries,
  reading,
  type FoldTables,
  type PartitionHead,
} from './partition-state.ts';
import { readSavedHeader, type SavedHeader } from './saved-header.ts';
import { WindowFold } from './window-fold.ts';

/** Pages of a table that are read at a time. */
const PART_PAGES = 256;

/** What a state says about itself. */
export interface StateSummary {
  head: PartitionHead;
  stateVersion: number;
  /** 0: no barrier came yet. */
  foldVersion: number;
}

/**
 * Reads all pages as `loadPages` does and throws for what it throws for, but keeps nothing: the
 * tables of very many series take several times what their pages do, and whoever only wants to
 * know that they can be read does so beside a fold that has them as well.
 */
export function readThrough(pages: StatePages, partPages: number = PART_PAGES): StateSummary {
  return reading(() => {
    const header = readSavedHeader(pageAt(pages, HEADER_KEY));
    const barrier = barrierInForce(header);
    if (barrier !== undefined) {
      readTables(createTables(barrier, header.generations), { header, pages, partPages });
    }
    return {
      head: headOf(header, barrier),
      stateVersion: header.version,
      foldVersion: barrier?.foldVersion ?? 0,
    };
  });
}

interface Saved {
  header: SavedHeader;
  pages: StatePages;
  partPages: number;
}

function readTables(tables: FoldTables, saved: Saved): void {
  const { header, pages } = saved;
  const { settings, editions, ledger, barrier } = tables;
  loadBesideSeries(tables, header, pages);
  ledger.load(header.ledger);
  inParts(saved, { prefix: 's', slots: header.seriesEnd }, (slots, part) => {
    new SeriesMemory(settings).load(slots, part);
  });
  inParts(saved, { prefix: 'd', slots: header.definitionsEnd }, (slots, part) => {
    new DefinitionMemory(settings).load(slots, part);
  });
  inParts(saved, { prefix: 'l', slots: header.labelsEnd ?? 0 }, (slots, part) => {
    new LabelMemory(settings).load(slots, part);
  });
  const [pieces, turns] = header.pieces;
  inParts(saved, { prefix: 'p', slots: pieces }, (slots, part) => {
    const windows = new WindowFold(settings, editions.plans, barrier.foldVersion);
    windows.pieces.load([slots, turns], part);
    // Also that each piece has an edition.
    windows.restore();
  });
}

/** Each part of a table's pages as if it were all of it. */
function inParts(
  { pages, partPages }: Saved,
  { prefix, slots }: Readonly<{ prefix: string; slots: number }>,
  read: (slots: number, part: PageSource) => void,
): void {
  // First, as these are called by their names in all.
  checkPages(pages, { prefix, end: Math.ceil(slots / PAGE_SLOTS) });
  for (let first = 0; first * PAGE_SLOTS < slots; first += partPages) {
    const get = (key: string): Uint8Array | undefined =>
      pages.get(`${prefix}${first + Number(key.slice(prefix.length))}`);
    read(Math.min(slots - first * PAGE_SLOTS, partPages * PAGE_SLOTS), { get });
  }
}
