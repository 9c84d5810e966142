import { encode } from '@msgpack/msgpack';
import { decodeSoundMsgpack, type FoldSettings } from '@millrace/wire';
import { KeyIndex } from './key-index.ts';
import {
  checkPages,
  pageAt,
  stateIncomplete,
  type ChangedPages,
  type StatePages,
} from './state-pages.ts';

/** Identities of one page of the state. */
const PAGE_IDENTITIES = 1024;

/**
 * Identities of request parts and of events, in order of arrival, forgotten by partition time
 * and by count. What is forgotten raises the floor.
 */
export class IdentityMemory {
  readonly #index = new KeyIndex();
  readonly #settings: Pick<FoldSettings, 'identityHorizonUs' | 'identitiesMax'>;
  /** Arrivals in partition time, by sequence modulo the capacity. */
  #arrivals: Float64Array = new Float64Array(PAGE_IDENTITIES);
  /** Ordinals that were refused when the part was first seen: the few parts that had any. */
  readonly #refused = new Map<number, Uint32Array>();
  /** Sequences of the oldest one kept and of the next one to come. */
  #head = 0;
  #tail = 0;
  #dirtyFrom = 0;
  #removedFrom = 0;
  readonly #dirtyPages = new Set<number>();
  /** The largest arrival that is no longer remembered. */
  floorUs: number = -Infinity;

  constructor(settings: Pick<FoldSettings, 'identityHorizonUs' | 'identitiesMax'>) {
    this.#settings = settings;
    this.#index.reserve(this.#arrivals.length);
  }

  get size(): number {
    return this.#tail - this.#head;
  }

  /** The sequence number of an identity, or -1. */
  find(keys: Uint32Array, at: number): number {
    const slot = this.#index.find(keys[at]!, keys[at + 1]!, keys[at + 2]!, keys[at + 3]!);
    if (slot < 0) return -1;
    const capacity = this.#arrivals.length;
    const lap = Math.floor(this.#head / capacity) * capacity;
    return lap + slot >= this.#head ? lap + slot : lap + capacity + slot;
  }

  /** Remembers an identity that was not. */
  add(keys: Uint32Array, at: number, partitionTimeUs: number, refused?: Uint32Array): void {
    if (this.size === this.#arrivals.length) this.#grow();
    const slot = this.#tail % this.#arrivals.length;
    this.#arrivals[slot] = partitionTimeUs;
    this.#index.insert(slot, keys[at]!, keys[at + 1]!, keys[at + 2]!, keys[at + 3]!);
    if (refused !== undefined && refused.length > 0) this.#refused.set(this.#tail, refused.slice());
    this.#tail += 1;
  }

  /** Ordinals of the part that were refused so far. */
  refusedOf(sequence: number): Uint32Array | undefined {
    return this.#refused.get(sequence);
  }

  /** Narrows what is still refused, after a retry brought some of it. */
  setRefused(sequence: number, refused: Uint32Array): void {
    if (refused.length === 0) this.#refused.delete(sequence);
    else this.#refused.set(sequence, refused);
    this.#dirtyPages.add(Math.floor(sequence / PAGE_IDENTITIES));
  }

  /** Forgets what is older than the horizon, and the oldest above the bound. */
  expire(partitionTimeUs: number): void {
    const { identityHorizonUs, identitiesMax } = this.#settings;
    const limit = partitionTimeUs - identityHorizonUs;
    while (this.#head < this.#tail) {
      const slot = this.#head % this.#arrivals.length;
      const arrivedUs = this.#arrivals[slot]!;
      if (arrivedUs > limit && this.size <= identitiesMax) break;
      this.#index.remove(slot);
      this.#refused.delete(this.#head);
      this.floorUs = Math.max(this.floorUs, arrivedUs);
      this.#head += 1;
    }
  }

  get bounds(): readonly [head: number, tail: number] {
    return [this.#head, this.#tail];
  }

  takePages(into: ChangedPages): void {
    const firstKept = Math.floor(this.#head / PAGE_IDENTITIES);
    for (let page = this.#removedFrom; page < firstKept; page += 1) into.set(`i${page}`, undefined);
    this.#removedFrom = firstKept;
    const from = Math.max(firstKept, Math.floor(this.#dirtyFrom / PAGE_IDENTITIES));
    for (let page = from; page * PAGE_IDENTITIES < this.#tail; page += 1) {
      if (this.#dirtyFrom < this.#tail) this.#dirtyPages.add(page);
    }
    for (const page of this.#dirtyPages) {
      if (page >= firstKept) into.set(`i${page}`, this.#encodePage(page));
    }
    this.#dirtyPages.clear();
    this.#dirtyFrom = this.#tail;
  }

  load(bounds: readonly [number, number], pages: StatePages): void {
    const [head, tail] = bounds;
    const first = Math.floor(head / PAGE_IDENTITIES);
    checkPages(pages, { prefix: 'i', first, end: Math.ceil(tail / PAGE_IDENTITIES) });
    this.#head = head;
    this.#tail = tail;
    while (this.#arrivals.length < this.size) this.#enlarge();
    this.#removedFrom = Math.floor(this.#head / PAGE_IDENTITIES);
    this.#dirtyFrom = this.#tail;
    for (let page = this.#removedFrom; page * PAGE_IDENTITIES < this.#tail; page += 1) {
      this.#decodePage(page, pageAt(pages, `i${page}`));
    }
  }

  #range(page: number): [number, number] {
    const first = page * PAGE_IDENTITIES;
    return [Math.max(first, this.#head), Math.min(first + PAGE_IDENTITIES, this.#tail)];
  }

  #encodePage(page: number): Uint8Array {
    const [from, to] = this.#range(page);
    const keys = new Uint32Array(4 * (to - from));
    const arrivals = new Float64Array(to - from);
    const refused: [number, number[]][] = [];
    for (let sequence = from; sequence < to; sequence += 1) {
      const slot = sequence % this.#arrivals.length;
      keys.set(this.#index.keys.data.subarray(4 * slot, 4 * slot + 4), 4 * (sequence - from));
      arrivals[sequence - from] = this.#arrivals[slot]!;
      const ordinals = this.#refused.get(sequence);
      if (ordinals !== undefined) refused.push([sequence, [...ordinals]]);
    }
    const bytes = (a: Uint32Array | Float64Array): Uint8Array => new Uint8Array(a.buffer);
    return encode([from, bytes(keys), bytes(arrivals), refused]);
  }

  #decodePage(page: number, bytes: Uint8Array): void {
    const [first, keyBytes, arrivalBytes, refused] = decodeSoundMsgpack(bytes) as [
      number,
      Uint8Array,
      Uint8Array,
      [number, number[]][],
    ];
    const keys = new Uint32Array(keyBytes.slice().buffer);
    const arrivals = new Float64Array(arrivalBytes.slice().buffer);
    const [from, to] = this.#range(page);
    // A page may still hold identities that were forgotten after it was written.
    if (!(from >= first && to - first <= arrivals.length && keys.length === 4 * arrivals.length)) {
      throw stateIncomplete(`page i${page} lacks identities`);
    }
    for (let sequence = from; sequence < to; sequence += 1) {
      const slot = sequence % this.#arrivals.length;
      const k = 4 * (sequence - first);
      this.#arrivals[slot] = arrivals[sequence - first]!;
      this.#index.insert(slot, keys[k]!, keys[k + 1]!, keys[k + 2]!, keys[k + 3]!);
    }
    for (const [sequence, ordinals] of refused) {
      if (sequence >= from) this.#refused.set(sequence, Uint32Array.from(ordinals));
    }
  }

  #enlarge(): void {
    this.#arrivals = new Float64Array(this.#arrivals.length * 2);
    this.#index.reserve(this.#arrivals.length);
  }

  #grow(): void {
    const before = this.#arrivals;
    const keys = this.#index.keys.data.slice();
    this.#index.clear();
    this.#enlarge();
    for (let sequence = this.#head; sequence < this.#tail; sequence += 1) {
      const old = sequence % before.length;
      const slot = sequence % this.#arrivals.length;
      this.#arrivals[slot] = before[old]!;
      const k = 4 * old;
      this.#index.insert(slot, keys[k]!, keys[k + 1]!, keys[k + 2]!, keys[k + 3]!);
    }
  }
}
