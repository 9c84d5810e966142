import { MillraceError } from '@millrace/runtime';
import { STREAM_CODES, StreamError, type Stream } from '@millrace/stream';
import type { AuditComponents, AuditParts, CheckedReport } from './audit-parts.ts';
import type { AuditSettings } from './audit-settings.ts';
import { checkDeep } from './deep/check-deep.ts';
import { Findings } from './findings.ts';
import type { Differences } from './replay/differences.ts';
import { GoneLetters } from './letters/gone-letters.ts';
import { RefusedLetters } from './letters/refused-letters.ts';
import { checkSeries } from './log/check-series.ts';
import { compareLedger, shownLedger } from './ledger/compare-ledger.ts';
import { expiredNotes, planAudit } from './plan.ts';
import { checkPartition } from './partition-checks.ts';
import { checkRound, roundsOf, type RoundResult } from './plain-round.ts';
import { formatTimeUs, type AuditReport, type PartitionReport } from './report.ts';
import { SeriesNames } from './series-names.ts';

/** A log forgets seldom, and the longest audit takes minutes. */
const ATTEMPTS_MAX = 3;

/**
 * Proves that the store holds what the log says, and that the ledger counts it: by its own reading
 * of the log, up to the marks of one snapshot of the store. Both may go on meanwhile.
 */
export async function audit(
  components: AuditComponents,
  settings: AuditSettings,
): Promise<AuditReport> {
  return (await auditInto(components, settings, () => undefined)).report;
}

/** The same; what is not as the log says also goes into what `collect` makes for each attempt. */
export async function auditInto<T extends Differences | undefined>(
  components: AuditComponents,
  settings: AuditSettings,
  collect: () => T,
): Promise<{ report: AuditReport; differences: T }> {
  checkPartitionExists(components.stream, settings.partition);
  for (let attempt = 1; ; attempt += 1) {
    const differences = collect();
    try {
      return { report: await auditOnce(components, settings, differences), differences };
    } catch (error) {
      if (!isForgotten(error) || attempt === ATTEMPTS_MAX) throw error;
    }
  }
}

/**
 * The log forgot, meanwhile, what was about to be read: less of it can be proven then. Or the
 * checkpoint that a fold begins with, which was whole when it was chosen: there are others.
 */
function isForgotten(error: unknown): boolean {
  if (error instanceof StreamError) return error.code === STREAM_CODES.outOfRange;
  return error instanceof MillraceError && error.code === 'CHECKPOINT_DAMAGED';
}

async function auditOnce(
  components: AuditComponents,
  settings: AuditSettings,
  differences: Differences | undefined,
): Promise<AuditReport> {
  const startedUs = components.clock.nowUs();
  const snapshot = await components.store.snapshot();
  try {
    const { stream, signal } = components;
    const plan = await planAudit(stream, snapshot, { ...settings, signal });
    // Once, for all rounds: what accounts for one row accounts for no other.
    const letters = await RefusedLetters.read(snapshot, plan, settings.isDeep);
    const gone = new GoneLetters(plan, letters);
    const parts = { ...components, snapshot, plan, settings, letters, gone, differences };
    const report = settings.isDeep ? await checkDeep(parts) : await checkAll(parts);
    const durationMs = Math.max(1, (components.clock.nowUs() - startedUs) / 1000);
    const samples = report.partitions.reduce((sum, one) => sum + one.samples, 0);
    return {
      ...report,
      started: formatTimeUs(startedUs),
      durationMs: Math.round(durationMs),
      samplesPerSecond: Math.round(samples / (durationMs / 1000)),
    };
  } finally {
    await snapshot.close();
  }
}

async function checkAll(parts: AuditParts): Promise<CheckedReport> {
  const { plan, settings } = parts;
  const findings = new Findings(settings.tenant);
  const names = new SeriesNames(parts.stream);
  const rounds = roundsOf(plan, settings);
  const results: RoundResult[] = [];
  for (let round = 0; round < rounds; round += 1) {
    results.push(await checkRound(parts, { round, rounds, findings, names }));
  }
  const partitions: PartitionReport[] = [];
  const notProven = new Set(results.flatMap((result) => result.notProven));
  const notes = expiredNotes(plan);
  for (const [i, one] of plan.partitions.entries()) {
    const scanned = results.map((result) => result.partitions[i]!);
    const settled = results.flatMap((result) => result.settled);
    const checked = checkPartition({ plan: one, scanned, settled, findings });
    await checkSeries(parts.stream, one, {
      ...{ findings, waitMsMax: settings.logWaitMsMax, signal: parts.signal },
    });
    partitions.push(checked.report);
    notes.push(...checked.notes);
    for (const sentence of checked.notProven) notProven.add(sentence);
    const { position, partition, totals } = one;
    const { lostSamples } = scanned[0]!;
    if (position === undefined || !checked.isLedgerKnown) continue;
    const { tallies } = checked;
    compareLedger({ partition, position, tallies, lostSamples, totals }, findings);
  }
  const { tenant } = settings;
  const tenants = plan.partitions.flatMap(({ totals }) => totals.map((one) => one.tenant));
  if (tenant !== undefined && !tenants.includes(tenant)) {
    notProven.add(`Tenant ${tenant}: no ledger knows it.`);
  }
  const found = findings.list();
  const sum = (key: keyof RoundResult['rows']): number =>
    results.reduce((total, { rows }) => total + rows[key], 0);
  return {
    ...{ format: 1, outcome: found.length === 0 ? 'proven' : 'broken', mode: 'plain' },
    since: settings.sinceUs === undefined ? undefined : formatTimeUs(settings.sinceUs),
    until: settings.untilUs === undefined ? undefined : formatTimeUs(settings.untilUs),
    tenant: settings.tenant,
    partitions,
    ledger: plan.partitions
      .flatMap(({ totals }) => totals.map(shownLedger))
      .filter(({ tenant }) => settings.tenant === undefined || tenant === settings.tenant),
    rows: {
      samples: sum('samples'),
      histograms: sum('histograms'),
      unverified: sum('unverified'),
      older: sum('older'),
    },
    notProven: [...notProven, ...parts.gone.text()],
    notes,
    findings: found,
  };
}

function checkPartitionExists({ partitions }: Stream, partition: number | undefined): void {
  if (partition === undefined || partition < partitions) return;
  throw new MillraceError({
    code: 'AUDIT_PARTITION',
    kind: 'permanent',
    message: `There is no partition ${partition}: the log has ${partitions}. Nothing was read.`,
    remedy: `Name one from 0 to ${partitions - 1}, or none for all of them.`,
  });
}
