import type { RunFile } from '@millrace/single/running';
import pg from 'pg';

/** A connection to the store of a running process, as any PostgreSQL client would have it. */
export class StoreClient {
  readonly #client: pg.Client;

  private constructor(client: pg.Client) {
    this.#client = client;
  }

  static async connect({ store }: RunFile): Promise<StoreClient> {
    if (store.kind !== 'embedded') throw new Error('the store is not the embedded one');
    const { host, port, user, database } = store;
    return await StoreClient.connectTo({ host, port, user, database });
  }

  static async connectTo(where: pg.ClientConfig): Promise<StoreClient> {
    const client = new pg.Client(where);
    // A killed server ends the connection under us; the next query says so.
    client.on('error', () => undefined);
    await client.connect();
    return new StoreClient(client);
  }

  async rows<Row>(text: string, values: readonly unknown[] = []): Promise<Row[]> {
    return (await this.#client.query(text, [...values])).rows as Row[];
  }

  /** The one row of a query that has exactly one. */
  async row<Row>(text: string, values: readonly unknown[] = []): Promise<Row> {
    const rows = await this.rows<Row>(text, values);
    if (rows.length !== 1) throw new Error(`${rows.length} rows instead of one: ${text}`);
    return rows[0]!;
  }

  /**
   * The one row of a query that is asked beside what is measured: it finds what it looks for by
   * indexes, whatever the planner believes of tables that grew since, and takes no helpers.
   */
  async look<Row>(text: string, values: readonly unknown[] = []): Promise<Row> {
    await this.#client.query(
      'BEGIN; SET LOCAL enable_seqscan = off; SET LOCAL max_parallel_workers_per_gather = 0',
    );
    try {
      return await this.row<Row>(text, values);
    } finally {
      await this.#client.query('COMMIT');
    }
  }

  async close(): Promise<void> {
    await this.#client.end().catch(() => undefined);
  }
}
