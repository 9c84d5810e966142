import type { Store } from '@millrace/store';
import { TIGHT_SETTINGS, variedLog, type LoggedRecord } from '@millrace/transformer/testing';
import { EventsRecordKind, type FoldSettings } from '@millrace/wire';
import { firstRules, writeControl } from './completed-log.ts';
import { oracleColumns, oracleWindows } from './complete-oracle.ts';
import { LiveLog } from './live-log.ts';

const HOUR_US = 3_600_000_000;
/** Whatever is remembered is forgotten soon, but for the inputs of a window. */
const SETTINGS = { ...TIGHT_SETTINGS, pieceInputsMax: 1000 };

/** A log with everything in it, in some partitions, and a store that has all of it. */
export interface Scene {
  live: LiveLog;
  records: LoggedRecord[][];
}

export interface SceneParams {
  seed: number;
  partitions: number;
  records: number;
  /** Positions at which checkpoints are made, in each partition. */
  checkpoints?: readonly number[];
  segmentBytes?: number;
  settings?: Partial<FoldSettings>;
}

export async function makeScene(store: Store, params: SceneParams): Promise<Scene> {
  const { seed, partitions, records: count, checkpoints = [], segmentBytes } = params;
  const how = segmentBytes === undefined ? { partitions } : { partitions, segmentBytes };
  const live = new LiveLog(store, how);
  const records: LoggedRecord[][] = [];
  for (let partition = 0; partition < partitions; partition += 1) {
    const settings = { ...SETTINGS, ...params.settings };
    const how = { records: count, settings, redriven: 0.05 };
    const log = variedLog(seed * 100 + partition, how);
    log.push(...ticksUntilOver(log.at(-1)!.appendTimeUs));
    await live.append(partition, log, checkpoints);
    records.push(log);
  }
  writeControl(live.log, records[0]!);
  return { live, records };
}

/** Behind which all windows are over, and put out. */
export function ticksUntilOver(afterUs: number): LoggedRecord[] {
  return [3 * HOUR_US, 4 * HOUR_US].map((us) => {
    const receivedAtUs = afterUs + us;
    return {
      record: { kind: EventsRecordKind.tick, receivedAtUs },
      appendTimeUs: receivedAtUs,
    };
  });
}

/** What the oracle says of a window of the log; of one without samples that there are none. */
export function expectedColumns(
  records: readonly (readonly LoggedRecord[])[],
): (edition: number, name: string) => Record<string, unknown> {
  const { rules } = firstRules(records[0]!);
  const oracle = oracleWindows(records, rules);
  return (edition, name) => {
    // What is marked by stale markers alone, or by events that came again, holds nothing.
    const rule = rules.rules.find((one) => one.edition === edition)!;
    return withoutSigns(oracleColumns(oracle.get(name) ?? { rule, parts: [] }));
  };
}

/** 0 and -0 are the same value, whichever comes first. */
export function withoutSigns(columns: Record<string, unknown>): Record<string, unknown> {
  const entries = Object.entries(columns);
  return Object.fromEntries(entries.map(([name, value]) => [name, value === 0 ? 0 : value]));
}
