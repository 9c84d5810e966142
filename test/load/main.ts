import { once } from 'node:events';
import { LoadRun, type LoadResult, type LoadSettings } from './load-run.ts';

/** What the parent sends and gets. A process of its own, so that its CPU time is not the system's. */
export type ToLoad = Readonly<{ prepare: LoadSettings }> | 'go' | 'stop';
export type FromLoad =
  | 'prepared'
  | Readonly<{ acknowledged: number }>
  | Readonly<{ result: LoadResult }>
  | Readonly<{ failure: string }>;

const TELL_MS = 500;

const parent = process.send?.bind(process);
if (parent === undefined) throw new Error('started without a parent: see load-process.ts');
const tell = (message: FromLoad): void => void parent(message);
process.once('disconnect', () => process.exit(1));

const [{ prepare }] = (await once(process, 'message')) as [{ prepare: LoadSettings }];
const run = new LoadRun(prepare);
tell('prepared');
await once(process, 'message');
const stopping = new AbortController();
process.once('message', () => stopping.abort());
const telling = setInterval(() => tell({ acknowledged: run.samples }), TELL_MS);
try {
  tell({ result: await run.run(stopping.signal) });
} catch (error) {
  tell({ failure: error instanceof Error ? (error.stack ?? error.message) : String(error) });
}
clearInterval(telling);
process.removeAllListeners('disconnect');
process.disconnect();
