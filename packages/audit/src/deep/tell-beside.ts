import { fingerprintHex } from '@millrace/model';
import type { StoredEditions, StoredMetadata, StoredServed } from '@millrace/store';
import type { Findings } from '../findings.ts';
import type { RefusedLetters } from '../letters/refused-letters.ts';
import { formatTimeUs } from '../report.ts';
import type { DeepParts } from './deep-parts.ts';
import type { EditionFault } from './expected-editions.ts';
import type { ExpectedExemplars } from './expected-exemplars.ts';
import type { ExpectedMetadata } from './expected-metadata.ts';
import type { ExpectedUnverified } from './expected-unverified.ts';
import { idOf } from './tell-entries.ts';

/** Unverified samples. */
export function tellUnverified(
  expected: ExpectedUnverified,
  { letters, gone }: Pick<DeepParts, 'letters' | 'gone'>,
  findings: Findings,
): void {
  const missing = expected.missing(letters, gone);
  const [first] = missing.kept;
  if (first !== undefined) {
    const { partition, offset, entry } = first;
    const time = formatTimeUs(entry.timeUs);
    const seriesId = idOf(entry.fingerprint.subarray(0, 8));
    findings.add(
      'entry_missing',
      {
        ...{ partition, offset, tenant: entry.tenant, ...seriesId, time },
        message:
          `An unverified sample of series ${fingerprintHex(entry.fingerprint)} at ${time} is not ` +
          'kept beside.',
      },
      missing.count,
    );
  }
  const [strange] = expected.unexpected.kept;
  if (strange === undefined) return;
  const time = formatTimeUs(strange.timeUs);
  findings.add(
    'unverified_unexpected',
    {
      ...{ partition: strange.partition, tenant: strange.tenant, time },
      ...idOf(strange.fingerprint.subarray(0, 8)),
      message:
        `An unverified sample of series ${fingerprintHex(strange.fingerprint)} at ${time} is ` +
        'kept beside; the log has no such.',
    },
    expected.unexpected.count,
  );
}

export function tellExemplars(
  expected: ExpectedExemplars,
  letters: RefusedLetters,
  findings: Findings,
): void {
  const missing = expected.missing(letters);
  const first = missing.kept.toSorted(
    (a, b) => a.partition - b.partition || a.offset - b.offset,
  )[0];
  if (first !== undefined) {
    const { partition, offset, seriesId, timeUs } = first;
    const time = formatTimeUs(timeUs);
    const message = `An exemplar of series ${seriesId} at ${time} is not stored.`;
    const place = { partition, offset, seriesId, time, message };
    findings.add('entry_missing', place, missing.count);
  }
  const [strange] = expected.unexpected.kept;
  if (strange === undefined) return;
  const time = formatTimeUs(strange.timeUs);
  const { seriesId } = idOf(strange.seriesId);
  const message =
    `An exemplar of series ${seriesId} at ${time}, ${strange.value} ` +
    `${JSON.stringify(Object.fromEntries(strange.labels))}, is stored; the log has no such.`;
  findings.add('entry_unexpected', { seriesId, time, message }, expected.unexpected.count);
}

/** Returns what is excused because the store refused metadata: its letters name no metric. */
export function tellMetadata(
  expected: ExpectedMetadata,
  refusedOf: ReadonlyMap<string, number>,
  findings: Findings,
): string[] {
  const excused = new Map<string, number>();
  const isWrong = ({ tenant }: StoredMetadata): boolean => {
    const taken = excused.get(tenant) ?? 0;
    if (taken === (refusedOf.get(tenant) ?? 0)) return true;
    excused.set(tenant, taken + 1);
    return false;
  };
  const what = ({ tenant, metric }: StoredMetadata): string =>
    `The metadata of ${metric} (tenant ${tenant})`;
  const missing = expected.missing().kept.filter(({ row }) => isWrong(row));
  const [absent] = missing;
  if (absent !== undefined) {
    const { partition, offset, row } = absent;
    const place = { partition, offset, tenant: row.tenant, expected: metadataText(row) };
    const message = `${what(row)} is not stored.`;
    findings.add('entry_missing', { ...place, message }, missing.length);
  }
  const different = expected.different.kept.filter(({ row }) => isWrong(row));
  const [first] = different;
  if (first !== undefined) {
    const { partition, offset, row: wanted } = first.expected;
    const [should, is] = [metadataText(wanted), metadataText(first.row)];
    const message = `${what(wanted)} is stored as ${is}; the log says ${should}.`;
    const place = { partition, offset, tenant: wanted.tenant, expected: should, found: is };
    findings.add('entry_differs', { ...place, message }, different.length);
  }
  const [strange] = expected.unexpected.kept;
  if (strange !== undefined) {
    const { tenant, partition } = strange;
    const message = `${what(strange)} is stored; the log has no such.`;
    findings.add('entry_unexpected', { tenant, partition, message }, expected.unexpected.count);
  }
  return [...excused].map(([tenant, metrics]) => {
    return (
      `Tenant ${tenant}: the metadata of ${metrics} metrics is missing or old; as often or more ` +
      'the store refused some, and which that was its dead letters do not say.'
    );
  });
}

function metadataText({ type, unit, help }: StoredMetadata): string {
  return JSON.stringify({ type, unit, help });
}

export function tellEditions(faults: readonly EditionFault[], findings: Findings): void {
  for (const { kind, partition, offset, what, expected, found } of faults) {
    const message =
      kind === 'entry_missing'
        ? `The store lacks ${what}: ${expected}.`
        : kind === 'entry_differs'
          ? `The store has ${what} as ${found}; the log says ${expected}.`
          : `The store has ${what}: ${found}; the log has no such.`;
    findings.add(kind, { partition, offset, expected, found, message });
  }
}

/**
 * What is shown follows from where editions began and ended. It is computed when one begins, so
 * while a partition has not begun one of a rule's it may lag behind. Returns of which rules it was
 * not compared for that reason.
 */
export function tellServed(stored: StoredEditions, findings: Findings): string[] {
  const notProven: string[] = [];
  const rules = new Set(stored.editions.map(({ rule }) => rule));
  for (const rule of rules) {
    if (!hasBegunEverywhere(rule, stored)) {
      notProven.push(
        `Rule ${rule}: what is served was not compared, because not every partition has begun ` +
          'all of its editions yet.',
      );
      continue;
    }
    const text = (served: readonly StoredServed[]): string =>
      served
        .filter((one) => one.rule === rule)
        .map(({ edition, fromUs, untilUs }) => {
          return `${edition} in [${formatTimeUs(fromUs)}, ${formatTimeUs(untilUs)})`;
        })
        .join(', ');
    const [expected, found] = [text(stored.toServe), text(stored.served)];
    if (expected === found) continue;
    const message =
      `Of rule ${rule} edition ${found || 'none'} is served; by where its editions began and ` +
      `ended it must be ${expected || 'none'}.`;
    findings.add('entry_differs', { expected, found, message });
  }
  return notProven;
}

function hasBegunEverywhere(rule: string, { editions, starts }: StoredEditions): boolean {
  return editions
    .filter((one) => one.rule === rule)
    .every(({ edition }) => {
      const begun = starts.filter((one) => one.edition === edition);
      const partitions = new Set(begun.map(({ partition }) => partition));
      return partitions.size >= Math.max(1, ...begun.map((one) => one.partitions));
    });
}
