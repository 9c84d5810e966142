import {
  createConsoleLog,
  errorText,
  listenForShutdown,
  type Log,
  type StageStatus,
  USUAL_PORT,
} from '@millrace/runtime';
import { readSingleSettings, startSingle, type Single } from '@millrace/single';
import { usualDataDirectory, version, type RunFile } from '@millrace/single/running';
import type { CliContext } from './cli-context.ts';
import { hasColours } from './console-output.ts';
import { formatDurationMs } from './quantities.ts';

/** Runs everything in this process until it is told to stop, or something breaks down. */
export async function up(
  context: CliContext,
  environment: CliContext['environment'],
): Promise<void> {
  const startedMs = performance.now();
  const { settings } = readSingleSettings(environment);
  const colours = hasColours(process.stderr, environment);
  const log = createConsoleLog({ logging: settings.logging, colours });
  const shutdown = listenForShutdown({
    onSignal: (signal, count) => {
      if (count === 1) log.info({ signal }, 'Stopping; the same again ends it at once.');
    },
    onHangup: () => log.info({}, 'SIGHUP is passed over: "millrace rules apply" changes rules.'),
  });
  try {
    const single = await startSingle(settings, { log, colours }).catch((error: unknown) => {
      // Ctrl-C reaches what we started as well; that it ended is no news then.
      throw shutdown.signal.aborted ? shutdown.signal.reason : error;
    });
    const isUsual = usualDataDirectory(undefined).path === single.info.directory;
    const tookMs = performance.now() - startedMs;
    // Of one that broke down meanwhile `untilOver` tells.
    const stages = await single.status().then(
      (status) => status.stages,
      () => [],
    );
    const { info } = single;
    const isNextFree = settings.http.port === undefined && info.port !== USUAL_PORT;
    context.output.result(formatWelcome({ ...context, info, isUsual, isNextFree, tookMs, stages }));
    await untilOver(single, shutdown.requested, log);
  } finally {
    shutdown.dispose();
  }
}

async function untilOver(single: Single, requested: Promise<unknown>, log: Log): Promise<void> {
  try {
    await Promise.race([requested, single.failed]);
  } catch (error) {
    const stack = error instanceof Error ? error.stack : undefined;
    log.error({ error: errorText(error), stack }, 'Stopping, because a stage broke down.');
    await single.stop();
    throw error;
  }
  const stoppingMs = performance.now();
  const isDone = await single.stop();
  const tookMs = Math.round(performance.now() - stoppingMs);
  if (isDone) log.info({ tookMs }, 'Stopped cleanly.');
  else log.warn({ tookMs }, 'Stopped; nothing acknowledged is lost, the next start does the rest.');
}

/** Where to push, how to look, where the data lies. */
export function formatWelcome(
  params: Readonly<{
    output: CliContext['output'];
    program: string;
    info: RunFile;
    /** Whether the data directory is where other commands look by themselves. */
    isUsual: boolean;
    /** Whether something else listens where people look for us first. */
    isNextFree?: boolean;
    tookMs: number;
    stages: readonly StageStatus[];
  }>,
): string {
  const { output, program, info, isUsual, isNextFree = false, tookMs, stages } = params;
  const { bold, dim } = output.colours;
  const { url, store, directory } = info;
  const where = isUsual ? '' : ` --data-dir ${quoted(directory)}`;
  const event = `{"name":"orders_total","labels":{"shop":"a"},"value":1,"kind":"delta"}`;
  const newest =
    `SELECT time, metric, value FROM series_samples ` +
    `WHERE bucket > now() - interval '1 hour' ORDER BY time DESC LIMIT 5`;
  const psql =
    store.kind === 'embedded'
      ? [`psql -h ${quoted(store.host)} -p ${store.port} -U ${store.user} ${store.database}`]
      : [];
  const blocks: [string, string[]][] = [
    ['push', [`curl ${url}/v1/events -H 'Content-Type: application/json' -d '${event}'`]],
    ['', [dim(`Prometheus: remote_write: [{ url: "${url}/api/v1/write" }]`)]],
    [
      'look',
      [
        `${program} sql${where} "${newest}"`,
        `${program} status${where}`,
        `${url}/ in a browser`,
        ...psql,
      ],
    ],
    ['data', [directory]],
    ['stop', ['Ctrl-C']],
  ];
  const lines = blocks.flatMap(([name, texts]) =>
    texts.map((text, i) => `  ${bold((i === 0 ? name : '').padEnd(6))}${text}`),
  );
  const ready = standstill(stages) ?? `, ready after ${formatDurationMs(tookMs)}.`;
  const instead = isNextFree ? ` (something else listens on ${USUAL_PORT})` : '';
  const head = `Millrace ${version} takes data at ${bold(url)}${instead}${ready}`;
  return ['', head, '', ...lines, ''].join('\n');
}

/** What to say where all partitions of a stage have stopped: for a reason that a person mends. */
function standstill(stages: readonly StageStatus[]): string | undefined {
  const standing = stages.flatMap(({ stage, partitions }) => {
    const [first] = partitions;
    if (first === undefined || partitions.some(({ state }) => state !== 'stopped')) return [];
    return [`the ${stage} has stopped (${first.reason?.code ?? 'no reason'})`];
  });
  if (standing.length === 0) return undefined;
  return ` and keeps it, but ${standing.join(' and ')}: "millrace status" says what to do.`;
}

/** For a shell, when it needs that. */
function quoted(path: string): string {
  return /^[\w./@:+-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
}
