import { decodeSoundMsgpack } from '@millrace/wire';
import type { LedgerMemory } from '../memory/ledger-memory.ts';
import type { LossMemory } from '../memory/loss-memory.ts';
import type { ReceiverState } from '../memory/receiver-memory.ts';
import { stateIncomplete, stateVersion } from '../memory/state-pages.ts';
import type { SavedGeneration } from './editions.ts';
import type { PartitionHead } from './partition-state.ts';
import type { BarrierInForce } from './read-barrier.ts';

/** The state's own format: what this program writes, and all that it reads. */
export const STATE_VERSION = 3;
export const STATE_VERSIONS_READ: readonly number[] = [1, 2, 3];

/** What the page `header` holds: how to read all others, and what is in none of them. */
export interface SavedHeader {
  version: number;
  /** Written before rules could change, it has neither watermark nor skew. */
  head: Omit<PartitionHead, 'watermarkUs' | 'skewMaxUs'> & Partial<PartitionHead>;
  barrier?: BarrierInForce;
  /** Absent before rules could change: no edition is retired. */
  generations?: SavedGeneration[];
  seriesEnd: number;
  identities: [number, number];
  identityFloorUs: number;
  receivers: ReceiverState[];
  /** Absent before fold version 2. */
  losses?: ReturnType<LossMemory['save']>;
  definitionsEnd: number;
  /** Absent in version 1: all records so far defined all of their series. */
  labelsEnd?: number;
  metadataSize: number;
  pieces: [number, number];
  ledger: ReturnType<LedgerMemory['save']>;
}

const HEAD_TEXTS = ['logId', 'lastDigest'] as const;
const HEAD_COUNTS = ['logNumber', 'position'] as const;
const HEAD_TIMES = [
  'partitionTimeUs',
  'largestTimeUs',
  'partitionFloorUs',
  'watermarkUs',
  'skewMaxUs',
] as const;

/**
 * Reads a header, checked as far as folding relies on it: a NaN for partition time would make
 * every comparison come out false, and nobody would notice.
 *
 * @throws MillraceError STATE_VERSION, STATE_INCOMPLETE; Error when it is no MessagePack.
 */
export function readSavedHeader(page: Uint8Array): SavedHeader {
  const header = decodeSoundMsgpack(page) as SavedHeader;
  if (!isObject(header)) throw stateIncomplete('its header is no map');
  if (!STATE_VERSIONS_READ.includes(header.version)) {
    throw stateVersion(header.version, STATE_VERSION);
  }
  const { head, ledger, receivers } = header;
  const isSound =
    isObject(head) &&
    HEAD_TEXTS.every((field) => typeof head[field] === 'string') &&
    HEAD_COUNTS.every((field) => isCount(head[field])) &&
    HEAD_TIMES.every((field) => head[field] === undefined || isTime(head[field])) &&
    (head.againBelow === undefined || isCount(head.againBelow)) &&
    [header.seriesEnd, header.definitionsEnd, header.metadataSize].every(isCount) &&
    isCount(header.version === 1 ? 0 : header.labelsEnd) &&
    isRange(header.identities) &&
    isPair(header.pieces) &&
    isTime(header.identityFloorUs) &&
    areReceivers(receivers) &&
    isLedger(ledger);
  if (!isSound) throw stateIncomplete('its header does not fit');
  return header;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** Infinities stand for what was never there. */
function isTime(value: unknown): boolean {
  return typeof value === 'number' && !Number.isNaN(value);
}

function isPair(value: unknown): value is [number, number] {
  return Array.isArray(value) && value.length === 2 && value.every(isCount);
}

function isRange(value: unknown): boolean {
  return isPair(value) && value[0] <= value[1];
}

function areReceivers(value: unknown): boolean {
  if (!Array.isArray(value)) return false;
  return value.every((state) => {
    if (!Array.isArray(state)) return false;
    const [name, stretches, samples, seenUs] = state as unknown[];
    const isFlat = Array.isArray(stretches) && stretches.length % 2 === 0;
    return (
      typeof name === 'string' && isFlat && [...stretches, samples].every(isCount) && isTime(seenUs)
    );
  });
}

function isLedger(value: unknown): boolean {
  if (!Array.isArray(value)) return false;
  const [totals, changed] = value as unknown[];
  if (!Array.isArray(totals) || !Array.isArray(changed)) return false;
  const tenants = new Set<unknown>();
  for (const one of totals as unknown[]) {
    if (!isObject(one)) return false;
    const { tenant, droppedBy = [], ...counts } = one as Record<string, unknown>;
    if (typeof tenant !== 'string' || !Array.isArray(droppedBy)) return false;
    if (!Object.values(counts).every(isCount)) return false;
    tenants.add(tenant);
  }
  return changed.every((tenant) => tenants.has(tenant));
}
