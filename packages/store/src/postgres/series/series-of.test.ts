import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestPostgres, type TestPostgres } from '../../testing/test-postgres.ts';
import { runQuery } from '../connection/run-query.ts';

const SERIES = 200;
const OTHERS = 10_000;

interface PlanNode {
  'Node Type': string;
  'Subplan Name'?: string;
  'Index Name'?: string;
  'Actual Rows': number;
  'Actual Loops': number;
  Plans?: PlanNode[];
}

const nodesOf = (node: PlanNode): PlanNode[] => [node, ...(node.Plans ?? []).flatMap(nodesOf)];

describe('series_of', () => {
  let postgres: TestPostgres;
  const sql = async (text: string) =>
    (await runQuery(postgres.connection, text, { write: true })).rows;

  beforeAll(async () => {
    postgres = await startTestPostgres();
    const put = (metric: string, from: number, count: number) =>
      sql(
        `INSERT INTO series_definitions
         SELECT id, id, 'tenant ' || id % 3, '${metric}',
           jsonb_build_object('job', 'api', 'i', (id - ${from})::text), 'gauge', now(), now()
         FROM generate_series(${from}, ${from + count - 1}) AS id`,
      );
    await put('up', 0, SERIES);
    await put('size', SERIES, OTHERS);
    // As autovacuum does: until then the index of labels looks dear, and would never be taken.
    await sql("SELECT gin_clean_pending_list('series_definitions_labels')");
    await sql('ANALYZE series_definitions');
  });
  afterAll(() => postgres.stop());

  /** The plan of what the function does: one of a call shows no more than the call. */
  async function planOf(selector: string) {
    const [source] = await sql("SELECT prosrc FROM pg_proc WHERE proname = 'series_of'");
    const call = 'selector_matchers(selector)';
    expect(source![0]).toContain(call);
    const body = (source![0] as string).replace(call, `selector_matchers($s$${selector}$s$)`);
    const [row] = await sql(`EXPLAIN (ANALYZE, VERBOSE, TIMING off, FORMAT JSON) ${body}`);
    const [{ Plan: root }] = row![0] as [{ Plan: PlanNode }];
    const nodes = nodesOf(root);
    expect(nodes.map((node) => node['Subplan Name'])).toContain('CTE remaining');
    const rowsOf = (is: (node: PlanNode) => boolean) =>
      nodes.filter(is).reduce((sum, node) => sum + node['Actual Rows'] * node['Actual Loops'], 0);
    return {
      text: JSON.stringify(root),
      selected: root['Actual Rows'],
      candidates: rowsOf((node) => node['Node Type'] === 'Append'),
      remaining: rowsOf((node) => node['Subplan Name'] === 'CTE remaining'),
      byLabels: rowsOf((node) => node['Index Name'] === 'series_definitions_labels'),
    };
  }

  it.each([
    ['up', { candidates: SERIES, remaining: 0, selected: SERIES }],
    ['up{job="api"}', { candidates: SERIES, remaining: 0, selected: SERIES }],
    ['up{i="7"}', { candidates: 1, remaining: 0, selected: 1 }],
    ['up{i="7",job=~"a.*"}', { candidates: 1, remaining: 1, selected: 1 }],
    ['up{i="7",i="8"}', { candidates: 1, remaining: 1, selected: 0 }],
    ['up{i=""}', { candidates: SERIES, remaining: 1, selected: 0 }],
    ['up{i="7",i=""}', { candidates: 1, remaining: 1, selected: 0 }],
    ['up{none=""}', { candidates: SERIES, remaining: 1, selected: SERIES }],
    ['{i="7"}', { candidates: 2, remaining: 0, selected: 2 }],
    ['{__name__="up",__name__="size"}', { candidates: OTHERS, remaining: 1, selected: 0 }],
    ['{__name__=~"u.",i="7"}', { candidates: 2, remaining: 1, selected: 1 }],
  ])('runs on candidates of %s what they are not found by', async (selector, expected) => {
    expect(await planOf(selector)).toMatchObject(expected);
  });

  it('does not read what other metrics have under the same label', async () => {
    expect(await planOf('up{job="api"}')).toMatchObject({ selected: SERIES, byLabels: 0 });
    // Where no metric is named the index of labels finds them.
    expect(await planOf('{job="api"}')).toMatchObject({ candidates: SERIES + OTHERS });
    expect(await planOf('{i="7"}')).toMatchObject({ candidates: 2, byLabels: 2 });
  });

  it('compares labels without calling a function for each', async () => {
    const { text } = await planOf('up{i!="7"}');
    expect(text).toContain('remaining.operator');
    expect(text).not.toContain('label_matches');
  });
});
