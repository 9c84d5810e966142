import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Something to scrape with all that is rare: NaN, infinities, exemplars, odd labels. */
export class ScrapeTarget {
  readonly address: string;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    this.address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async start(): Promise<ScrapeTarget> {
    let scrapes = 0;
    const server = createServer((_request, response) => {
      scrapes += 1;
      response.setHeader('content-type', 'application/openmetrics-text; version=1.0.0');
      response.end(expose(scrapes));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new ScrapeTarget(server);
  }

  /** From the next scrape on it cannot be reached, and its series become stale. */
  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }
}

/** Every value changes but those that cannot; a series comes and goes between scrapes. */
function expose(scrapes: number): string {
  const comes = scrapes % 4 === 0 ? 'odd_value{kind="now and then"} 1\n' : '';
  return (
    '# TYPE odd_value gauge\n# HELP odd_value Values that are legal and rare.\n' +
    'odd_value{kind="nan"} NaN\nodd_value{kind="plus"} +Inf\nodd_value{kind="minus"} -Inf\n' +
    'odd_value{kind="negative zero"} -0\nodd_value{kind="huge"} 1.7976931348623157e308\n' +
    `odd_value{kind="tiny"} 5e-324\nodd_value{kind="fraction"} ${scrapes / 3}\n${comes}` +
    '# TYPE odd_label gauge\n' +
    `odd_label{text="a\\"b\\\\c\\nd",snow="☃",umlaut="ä"} ${scrapes}\n` +
    '# TYPE visits counter\n# HELP visits Scrapes so far.\n' +
    `visits_total ${scrapes} # {trace_id="t${scrapes}"} ${scrapes}.5\n` +
    '# EOF\n'
  );
}
