import type { Command } from 'commander';
import { listenForShutdown, MillraceError } from '@millrace/runtime';
import { readRuleFile } from '@millrace/single/running';
import { openLogs } from '../archive/open-logs.ts';
import type { CliContext } from '../cli-context.ts';
import { jsonText } from '../json-text.ts';
import type { PreviewReport } from '../preview/preview-report.ts';
import { tellingFaults } from '../rule-file-report.ts';
import { limitArgument, pastTimeArgument } from '../time-argument.ts';

interface PreviewFlags {
  since: number;
  samples: number;
  seconds: number;
  json?: boolean;
  dataDir?: string;
}

const SAMPLES_MAX = 5_000_000;
const SECONDS_MAX = 60;
const PROGRESS_MS = 2000;

export function addPreviewCommand(program: Command, context: CliContext): void {
  program
    .command('preview')
    .description(
      'say what the rules of a file would cost and change, by what the log and its archive hold',
    )
    .argument('<file>', 'the rule file; nothing is changed by it')
    .requiredOption(
      '--since <time>',
      'fold from then on: 2026-11-29T12:00:00Z, or 1h ago',
      pastTimeArgument,
    )
    .option('--samples <count>', 'fold at most so many', limitArgument, SAMPLES_MAX)
    .option('--seconds <count>', 'take at most so long', limitArgument, SECONDS_MAX)
    .option('--json', 'print JSON')
    .option('--data-dir <dir>', 'the data directory, also of a running process')
    .action(async (file: string, flags: PreviewFlags) => {
      const report = await tellingFaults(context.output, flags.json === true, async () => {
        return await previewFile(context, file, flags);
      });
      const { output } = context;
      if (flags.json === true) output.result(jsonText(report));
      else {
        const { formatPreview } = await import('../preview/preview-text.ts');
        output.result(formatPreview(file, report, output.colours));
      }
    });
}

async function previewFile(
  context: CliContext,
  config: string,
  { since: sinceUs, samples: samplesMax, seconds, dataDir }: PreviewFlags,
): Promise<PreviewReport> {
  const file = await readRuleFile({ config, cwd: process.cwd() });
  if (file === undefined) throw new Error(`${config} was named and not read`);
  const { preview } = await import('../preview/preview.ts');
  const shutdown = listenForShutdown();
  const { stream, archived } = await openLogs(context, dataDir);
  const nowMs = (): number => performance.now();
  try {
    return await preview(
      {
        ...{ stream, archived, nowMs, signal: shutdown.signal },
        onProgress: progressOf(context, nowMs),
      },
      file,
      { sinceUs, samplesMax, seconds },
    );
  } catch (error) {
    if (!shutdown.signal.aborted) throw error;
    throw interrupted(error);
  } finally {
    shutdown.dispose();
    await stream.close();
  }
}

/** A line from time to time. */
function progressOf({ output }: CliContext, nowMs: () => number): (samples: number) => void {
  let done = 0;
  let toldMs = nowMs();
  return (samples) => {
    done += samples;
    if (nowMs() - toldMs < PROGRESS_MS) return;
    toldMs = nowMs();
    output.notice(`${done.toLocaleString('en-US')} samples folded ...`);
  };
}

function interrupted(cause: unknown): MillraceError {
  return new MillraceError({
    code: 'INTERRUPTED',
    kind: 'aborted',
    message: 'Ended before it was through; nothing was changed.',
    cause,
  });
}
