import { until, type Playground } from './running-millrace.ts';

export const STORED_MS_MAX = 20_000;

/** An event that counts once, however often it is pushed. */
export function order(i: number): object {
  return { name: 'orders', kind: 'event', id: `order-${i}`, value: 1, labels: { shop: 'a' } };
}

export async function countOrders(playground: Playground): Promise<number> {
  const [row] = await playground.sql<{ n: number }>(
    `SELECT count(*)::int AS n FROM samples JOIN series USING (series_id) WHERE metric = 'orders'`,
  );
  return row!.n;
}

export async function untilOrders(playground: Playground, count: number): Promise<void> {
  await until(`${count} orders are stored`, STORED_MS_MAX, async () => {
    return (await countOrders(playground)) >= count;
  });
}
