import type { TimeUs } from '@millrace/model';

/** Tables of which rows are deleted when they are past their retention. */
export const EXPIRING_TABLES = [
  'samples',
  'histograms',
  'exemplars',
  'windows_narrow',
  'windows_wide',
  'unverified',
  'dead_letters',
] as const;
export type ExpiringTable = (typeof EXPIRING_TABLES)[number];

/** Windows as wide as this and wider are kept as those of `windows_wide`. */
const WIDE_US: TimeUs = 3_600_000_000;

/** The table that windows of a width expire with. */
export function windowsTableOf(widthUs: TimeUs): 'windows_narrow' | 'windows_wide' {
  return widthUs < WIDE_US ? 'windows_narrow' : 'windows_wide';
}

/** What the store has written down of rows that it deleted. */
export interface ExpiredNote {
  table: ExpiringTable;
  /** Undefined: of any. */
  widthUs?: TimeUs | undefined;
  edition?: number | undefined;
  /** Undefined: see `isOfOthers`. */
  tenant?: string | undefined;
  /** Of tenants that are not set apart only; else, without a tenant, of everybody. */
  isOfOthers?: boolean;
  beforeUs: TimeUs;
}

/** Which rows. What is left out may be anything. */
export interface ExpiringRows {
  tenant?: string | undefined;
  edition?: number | undefined;
  widthUs?: TimeUs | undefined;
}

/** Below which times rows may have been deleted because they were past their retention. */
export class StoredExpiry {
  readonly #notes: readonly ExpiredNote[];
  readonly #apart: ReadonlySet<string>;

  constructor(notes: readonly ExpiredNote[], apart: readonly string[] = []) {
    this.#notes = notes;
    this.#apart = new Set(apart);
  }

  /** Rows with earlier times may be gone; -Infinity: none is. */
  beforeUs(table: ExpiringTable, of: ExpiringRows = {}): TimeUs {
    let beforeUs = -Infinity;
    for (const note of this.#notes) {
      if (note.table === table && note.beforeUs > beforeUs && this.#isOf(note, of)) {
        beforeUs = note.beforeUs;
      }
    }
    return beforeUs;
  }

  /** Of all rows of a table alike. */
  isAlike(table: ExpiringTable): boolean {
    return this.#notes.every(
      (note) =>
        note.table !== table ||
        (note.widthUs === undefined &&
          note.edition === undefined &&
          note.tenant === undefined &&
          (note.isOfOthers !== true || this.#apart.size === 0)),
    );
  }

  /** Tenants of whom it is noted apart. */
  get apart(): readonly string[] {
    return [...this.#apart];
  }

  #isOf(note: ExpiredNote, { tenant, edition, widthUs }: ExpiringRows): boolean {
    if (differ(note.widthUs, widthUs) || differ(note.edition, edition)) return false;
    if (note.isOfOthers === true) return tenant === undefined || !this.#apart.has(tenant);
    return !differ(note.tenant, tenant);
  }
}

function differ<T>(a: T | undefined, b: T | undefined): boolean {
  return a !== undefined && b !== undefined && a !== b;
}
