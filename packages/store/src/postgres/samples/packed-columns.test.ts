import { SampleFlag } from '@millrace/model';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { NOON_US } from '../../testing/entries.ts';
import { EVERYTHING, type ReadScope } from '../../reader-rows.ts';
import { startTestPostgres } from '../../testing/test-postgres.ts';
import type { TestServer } from '../../testing/test-server.ts';
import { createPostgresStoreReader } from '../read/postgres-store-reader.ts';
import { runQuery } from '../connection/run-query.ts';

const PACKS = 300;
/** Microseconds of Unix time. */
const time = (us: number): string => `to_timestamp(0) + ${us} * interval '1 microsecond'`;

let postgres: TestServer;

beforeAll(async () => {
  postgres = await startTestPostgres();
});
afterAll(() => postgres.stop());

it('makes of packs what the view makes of them, whatever somebody wrote into them', async () => {
  const { connection, drop } = await postgres.createDatabase();
  const sql = (text: string) => runQuery(connection, text, { write: true });
  await sql(`SELECT create_store_partition('samples_packed', 'one_day', NULL,
    ${time(NOON_US - 12 * 3_600_000_000)}, ${time(NOON_US + 12 * 3_600_000_000)})`);
  await sql(`INSERT INTO samples_packed (
    series_id, bucket, start, base, step, divisor, count, offsets, small, large, floats,
    stale_places, unverified_places
  ) VALUES ${Array.from({ length: PACKS }, (_, i) => packText(i)).join(',\n')}`);
  const reader = createPostgresStoreReader({ connection });
  const snapshot = await reader.snapshot();
  for (const scope of [
    EVERYTHING,
    { ...EVERYTHING, fromUs: NOON_US + 2_000_001, untilUs: NOON_US + 40_000_000 },
    { ...EVERYTHING, slices: 3, slice: 1 },
  ] satisfies ReadScope[]) {
    const { fromUs, untilUs, slices, slice } = scope;
    const from = fromUs === -Infinity ? `'-infinity'` : time(fromUs);
    const until = untilUs === Infinity ? `'infinity'` : time(untilUs);
    const { rows } = await sql(`SELECT
        round(extract(epoch FROM time) * 1e6)::text, to_hex(series_id), value::text,
        stale, unverified
      FROM samples WHERE time >= ${from} AND time < ${until}
        AND (series_id & 4294967295) % ${slices} = ${slice}`);
    expect(rows.length).toBeGreaterThan(500);
    const seen = rows.map((row) => row.map(String).join(' ')).sort();
    const read: string[] = [];
    for await (const columns of snapshot.samples(scope)) {
      for (let i = 0; i < columns.count; i += 1) {
        const id = BigInt(columns.idHigh[i]!) * 2n ** 32n + BigInt(columns.idLow[i]!);
        const value = columns.absent[i] === 1 ? 'null' : textOf(columns.values[i]!);
        const flags = columns.flags[i]!;
        const isStale = (flags & SampleFlag.stale) !== 0;
        const isUnverified = (flags & SampleFlag.unverified) !== 0;
        read.push(
          [columns.times[i], id.toString(16), value, isStale, isUnverified].map(String).join(' '),
        );
      }
    }
    expect(read.sort().map(normal)).toEqual(seen.map(normal).sort());
  }
  await snapshot.close();
  await reader.close();
  await drop();
});

/** Numbers as this language writes them. */
function normal(row: string): string {
  const fields = row.split(' ');
  if (fields[2] !== 'null') fields[2] = textOf(Number(fields[2]));
  return fields.join(' ');
}

function textOf(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}

/** A pack as the writer makes them, or one whose columns do not fit one another. */
function packText(i: number): string {
  let state = (i + 1) * 0x9e3779b1;
  const random = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const isOdd = i % 3 === 0;
  const count = random(30);
  const some = <T>(make: (n: number) => T, type: string): string => {
    if (isOdd && random(3) === 0) return 'NULL';
    const length = isOdd ? random(30) : count;
    const elements = Array.from({ length }, (_, n) => {
      return isOdd && random(9) === 0 ? 'NULL' : String(make(n));
    });
    return `ARRAY[${elements.join()}]::${type}[]`;
  };
  const form = isOdd ? 3 : random(3);
  const floats = ['1.5', `'NaN'`, `'Infinity'`, `'-0'`, '5e-324', '-1e300'];
  const values = [
    form === 0 || form === 3 ? some(() => random(65_536) - 32_768, 'smallint') : 'NULL',
    form === 1 || form === 3 ? some(() => random(2 ** 32) - 2 ** 31, 'integer') : 'NULL',
    form === 2 || form === 3
      ? some(() => `${floats[random(floats.length)]!}::float8`, 'float8')
      : 'NULL',
  ];
  const bases = ['0', '-7', '123456789012', '9007199254740993', 'NULL'];
  const isEven = random(2) === 0;
  const offsets = isEven && !isOdd ? 'NULL' : some((n) => n * 1_000_001, 'integer');
  const places = (): string => (random(2) === 0 ? 'NULL' : `ARRAY[1,${random(30)}]::smallint[]`);
  const scaled = form === 2 ? ['NULL', 'NULL'] : [bases[random(isOdd ? 5 : 4)]!, '100'];
  return `(${[
    ...[`x'${(i * 2_654_435_761).toString(16).padStart(16, '0')}'::bigint`],
    ...[time(NOON_US + 60_000_000), time(NOON_US + random(9) * 1000 + 1), scaled[0]],
    ...[isOdd && random(4) === 0 ? 'NULL' : '1000000', scaled[1], String(count), offsets],
    ...[...values, places(), places()],
  ].join(', ')})`;
}
