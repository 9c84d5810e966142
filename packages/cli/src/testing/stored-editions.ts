import type { CandidatesAnswer, ShownRule } from '@millrace/receiver';
import { parseWidth } from '@millrace/rules';
import { pieceName } from '@millrace/model';
import { silentLog } from '@millrace/runtime';
import type { Store } from '@millrace/store';
import {
  addressOf,
  batchOf,
  definitionOf,
  keyOf,
  pieceOf,
  type TestPostgres,
} from '@millrace/store/testing';
import type { EditionEntry, Entries } from '@millrace/wire';
import { runCommand, serveRules, type ServedRules } from './served-rules.ts';

/** A receiver and a real store, which is told by hand what the stages would put out. */
export interface StoredEditions {
  served: ServedRules;
  connection: TestPostgres['connection'];
  /** Runs a command that asks both. */
  run(...args: string[]): ReturnType<typeof runCommand>;
  ask(): Promise<CandidatesAnswer>;
  /** Both partitions begin these rules, as a candidate or in force. */
  begin(rules: readonly ShownRule[], candidate?: number): Promise<void>;
  endJobs(number: number, rules: readonly ShownRule[], sinceUs: number): Promise<void>;
  /** A final window of `m{i="a"}` in partition 0. */
  window(rule: ShownRule, startUs: number, sum: number): Promise<void>;
  /** Every window that ends by then is complete. */
  watermark(watermarkUs: number): Promise<void>;
  close(): Promise<void>;
}

export const PARTITIONS = 2;

export async function openStoredEditions(postgres: TestPostgres): Promise<StoredEditions> {
  const served = await serveRules(PARTITIONS);
  const { connection, drop } = await postgres.createDatabase();
  const store = postgres.openStore({ connection, log: silentLog });
  const put = putter(store);
  const everywhere = async (entries: Partial<Entries>, source?: string): Promise<void> => {
    for (let partition = 0; partition < PARTITIONS; partition += 1) {
      await put(partition, entries, source);
    }
  };
  const environment = {
    MILLRACE_URL: served.url,
    KAFKA_BROKERS: '127.0.0.1:1',
    DATABASE_URL: urlOf(connection),
  };
  return {
    ...{ served, connection },
    run: async (...args) => await runCommand(args, environment),
    ask: async () => {
      return (await (await fetch(`${served.url}/api/v1/candidates`)).json()) as CandidatesAnswer;
    },
    begin: async (rules, candidate) => {
      await everywhere({ editions: rules.map((rule) => editionOf(rule, candidate)) });
    },
    endJobs: async (number, rules, sinceUs) => {
      const editions = rules.map((rule) => ({
        edition: rule.edition!,
        fromUs: widthsOf(rule).map((widthUs) => Math.floor(sinceUs / widthUs) * widthUs),
      }));
      const end = { candidate: number, position: 100, partitions: PARTITIONS, editions };
      await everywhere({ jobEnds: [end] }, `job-${number}`);
    },
    window: async (rule, startUs, sum) => {
      const definition = definitionOf('m', { i: 'a' });
      const { fingerprint } = definition;
      const [widthUs = NaN] = widthsOf(rule);
      const where = { edition: rule.edition!, fingerprint, widthUs, startUs };
      const piece = pieceOf({ ...where, piece: pieceName(1, 10), count: 1, sum });
      await put(0, { definitions: [definition], finals: [piece] });
    },
    watermark: async (watermarkUs) => {
      const partitionTimeUs = watermarkUs + 60_000_000;
      await everywhere({ ledger: [{ totals: [], partitionTimeUs, watermarkUs, position: 200 }] });
    },
    close: async () => {
      await served.stop();
      await store.close();
      await drop();
    },
  };
}

function putter(store: Store) {
  const reached = new Map<string, number>();
  return async (partition: number, entries: Partial<Entries>, source = 'live'): Promise<void> => {
    const key = { partition, source };
    const name = `${partition} ${source}`;
    const offset = reached.get(name) ?? 0;
    if (offset === 0) await store.openMark(keyOf(key));
    const range = { from: addressOf(offset), to: addressOf(offset + 1), key };
    const { outcome, deadLetters } = await store.apply(batchOf(range, entries));
    if (outcome !== 'applied' || deadLetters > 0) throw new Error(`${outcome} ${deadLetters}`);
    reached.set(name, offset + 1);
  };
}

function editionOf(rule: ShownRule, candidate: number | undefined): EditionEntry {
  // What was in force when the log began is whole since ever.
  const timeUs = candidate === undefined ? 0 : Date.now() * 1000;
  return {
    ...{ edition: rule.edition!, rule: rule.name, definition: JSON.stringify(rule) },
    ...{ widthsUs: widthsOf(rule), aggregates: [...(rule.aggregates ?? [])], fromPosition: 100 },
    ...{ fromPartitionTimeUs: timeUs, fromLargestTimeUs: timeUs, partitions: PARTITIONS },
    ...(candidate === undefined ? {} : { candidate }),
  };
}

function widthsOf({ widths = [] }: ShownRule): number[] {
  return widths.map((width) => {
    const parsed = parseWidth(width);
    if (!parsed.ok) throw new Error(width);
    return parsed.us;
  });
}

function urlOf(connection: TestPostgres['connection']): string {
  if ('url' in connection) return connection.url;
  const { host, port, user, database } = connection;
  return `postgres://${user}@localhost:${port}/${database}?host=${encodeURIComponent(host)}`;
}
