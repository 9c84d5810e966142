import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { leaveOutLabels, TIGHT_SETTINGS, variedLog, type LoggedRecord } from '@millrace/transformer/testing';
import {
  decodeEventsRecord,
  encodeEventsRecord,
  EventsRecordKind,
  EntryType,
  type AddressedEntry,
} from '@millrace/wire';

/*
 * Logs as they were recorded once, and all that folding them puts out. Files are only ever added:
 * a program that has the fold version they ask for gives the same entries to the last bit, also
 * years later. UPDATE_GOLDEN=1 writes those that are missing.
 *
 *   NAME.events.txt   for each record: append time in µs, bytes in base64
 *   NAME.entries.txt  SHA-256 of all entries with their addresses, then what each of them says,
 *                     so that a difference can be read
 */
export const GOLDEN: readonly GoldenLog[] = [
  {
    name: 'fold-v1-everything',
    foldVersion: 1,
    record: () => variedLog(101, { records: 40 }),
  },
  {
    name: 'fold-v1-changes',
    foldVersion: 1,
    record: () => variedLog(102, { records: 40, changes: 0.25 }),
  },
  {
    name: 'fold-v1-bounds',
    foldVersion: 1,
    record: () => variedLog(103, { records: 45, changes: 0.1, settings: TIGHT_SETTINGS }),
  },
  {
    name: 'fold-v2-everything',
    foldVersion: 2,
    record: () => variedLog(201, { records: 45, losses: 0.08, redriven: 0.15 }),
  },
  {
    name: 'fold-v2-changes',
    foldVersion: 2,
    record: () => variedLog(202, { records: 45, changes: 0.25, losses: 0.05, redriven: 0.1 }),
  },
  {
    name: 'fold-v2-bounds',
    foldVersion: 2,
    record: () =>
      variedLog(203, { records: 50, changes: 0.1, losses: 0.1, settings: TIGHT_SETTINGS }),
  },
  {
    // Ends with version 2.
    name: 'fold-v1-upgraded',
    foldVersion: 1,
    record: () =>
      variedLog(209, {
        ...{ records: 50, changes: 0.2, losses: 0.1 },
        ...{ upgradedFrom: 1, foldVersion: 2 },
      }),
  },
  {
    // Records leave labels out, and the log has lost some that would have said them.
    name: 'fold-v2-left-out',
    foldVersion: 2,
    stateVersion: 2,
    record: () =>
      leaveOutLabels(variedLog(204, { records: 80, changes: 0.1 })).filter(
        ({ record: { kind } }, i) => kind !== EventsRecordKind.data || i % 9 !== 8,
      ),
  },
  {
    // Rules are folded beside others, change places with them, and end.
    name: 'fold-v2-candidates',
    foldVersion: 2,
    stateVersion: 2,
    record: () => variedLog(269, { records: 60, changes: 0.3 }),
  },
  {
    name: 'fold-v3-everything',
    foldVersion: 3,
    stateVersion: 3,
    record: () => variedLog(301, { records: 60, losses: 0.08, redriven: 0.15, late: 0.5 }),
  },
  {
    name: 'fold-v3-changes',
    foldVersion: 3,
    stateVersion: 3,
    record: () => variedLog(302, { records: 60, changes: 0.25, losses: 0.05, late: 0.5 }),
  },
  {
    name: 'fold-v3-bounds',
    foldVersion: 3,
    stateVersion: 3,
    record: () =>
      variedLog(303, {
        ...{ records: 55, changes: 0.1, late: 0.5 },
        settings: { ...TIGHT_SETTINGS, piecesMax: 90 },
      }),
  },
  {
    // Ends with version 3.
    name: 'fold-v2-upgraded',
    foldVersion: 2,
    stateVersion: 3,
    record: () =>
      variedLog(309, {
        ...{ records: 50, changes: 0.2, late: 0.4 },
        ...{ upgradedFrom: 2, foldVersion: 3 },
      }),
  },
];

interface GoldenLog {
  name: string;
  foldVersion: number;
  /** The first that can be in the middle of it; 1 unless it says so. */
  stateVersion?: number;
  record: () => LoggedRecord[];
}

export function goldenLog(name: string, record: () => LoggedRecord[]): LoggedRecord[] {
  const file = pathOf(`${name}.events.txt`);
  if (!existsSync(file) && process.env['UPDATE_GOLDEN'] === '1') {
    const lines = record().map((one) => {
      const bytes = Buffer.from(encodeEventsRecord(one.record)).toString('base64');
      return `${one.appendTimeUs} ${bytes}\n`;
    });
    writeFileSync(file, lines.join(''));
  }
  return readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => {
      const [appendTimeUs, bytes] = line.split(' ');
      const record = decodeEventsRecord(new Uint8Array(Buffer.from(bytes!, 'base64')));
      return { record, appendTimeUs: Number(appendTimeUs) };
    });
}

/** A line for each entry that says what it is, address first. */
export function linesOf(entries: readonly AddressedEntry[]): string[] {
  const names = new Map(Object.entries(EntryType).map(([name, type]) => [type, name]));
  return entries.map(({ address, type, value }) => {
    return `${address.offset}.${address.ordinal} ${names.get(type)} ${readable(value)}`;
  });
}

/** The values of an entry, one after the other; of bytes as many as tell them apart at a glance. */
function readable(value: unknown): string {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex', 0, 4);
  if (Object.is(value, -0)) return '-0';
  if (typeof value !== 'object' || value === null) return value === undefined ? '' : String(value);
  return Object.values(value).map(readable).join(' ');
}

export function pathOf(file: string): string {
  return fileURLToPath(new URL(file, import.meta.url));
}
