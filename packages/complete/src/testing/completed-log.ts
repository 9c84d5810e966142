import type { Clock } from '@millrace/runtime';
import type { CompleteWindow, CompletionStore } from '@millrace/store';
import { TOPIC_CONTROL } from '@millrace/stream';
import { openMemoryStream, type MemoryLog } from '@millrace/stream/memory';
import { readCompiledRules, withoutEdition, type CompiledRules } from '@millrace/rules';
import type { LoggedRecord } from '@millrace/transformer/testing';
import {
  ControlRecordKind,
  encodeControlRecord,
  EventsRecordKind,
  type FoldSettings,
} from '@millrace/wire';
import { completeMarked } from '../complete-marked.ts';
import type { CompleteComponents } from '../complete-components.ts';
import type { CompleteReport } from '../complete-report.ts';
import { COMPLETE_DEFAULTS, type CompleteSettings } from '../complete-settings.ts';

const CLOCK: Clock = { nowUs: () => 0, sleep: async () => undefined };
const LOG_ID = '00112233445566778899aabbccddeeff';

/** The rules and settings that the first barrier of a log brings. */
export function firstRules(records: readonly LoggedRecord[]): {
  rules: CompiledRules;
  settings: FoldSettings;
  foldVersion: number;
} {
  const barrier = records
    .map(({ record }) => record)
    .find((record) => record.kind === EventsRecordKind.barrier)!;
  const { settings, foldVersion } = barrier;
  return { rules: readCompiledRules(barrier.rules), settings, foldVersion };
}

/** Writes them into `metrics.control`, with the numbers that the barrier gives the editions. */
export function writeControl(log: MemoryLog, records: readonly LoggedRecord[]): void {
  const { rules, settings, foldVersion } = firstRules(records);
  const control = log.partition(TOPIC_CONTROL, 0);
  const begin = { logId: LOG_ID, partitions: log.partitions, firstNumber: 0 };
  control.append(encodeControlRecord({ kind: ControlRecordKind.log, ...begin }));
  const editions = rules.rules.map((rule) => {
    const record = { kind: ControlRecordKind.edition, rule: withoutEdition(rule) };
    const { offset } = control.append(encodeControlRecord(record));
    if (offset !== rule.edition) throw new Error(`edition ${rule.edition} lies at ${offset}`);
    return offset;
  });
  const version = { after: 0, editions, foldVersion, settings, source: '', appliedAtUs: 0 };
  control.append(encodeControlRecord({ kind: ControlRecordKind.rules, ...version }));
}

/** Completes what is marked. */
export async function complete(
  { log, store }: Readonly<{ log: MemoryLog; store: CompletionStore }>,
  settings: Partial<CompleteSettings> = {},
  more: Partial<CompleteComponents> = {},
): Promise<CompleteReport> {
  const stream = openMemoryStream(log);
  try {
    const all = { ...COMPLETE_DEFAULTS, logWaitMsMax: 500, ...settings };
    return await completeMarked({ stream, store, clock: CLOCK, ...more }, all);
  } finally {
    await stream.close();
  }
}

/** The columns of a completed window, to be compared with those of the oracle. */
export function completeColumns(window: CompleteWindow): Record<string, unknown> {
  const hex = (bytes: Uint8Array | undefined): string | undefined =>
    bytes && Buffer.from(bytes).toString('hex');
  return {
    ...{ count: window.count, sum: window.sum, min: window.min, max: window.max },
    ...{ first: window.first, firstTimeUs: window.firstTimeUs },
    ...{ last: window.last, lastTimeUs: window.lastTimeUs, increase: window.increase },
    ...{ histogram: hex(window.histogram), distinct: hex(window.distinct) },
    inputs: hex(window.inputs),
  };
}
