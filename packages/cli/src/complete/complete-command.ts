import { MillraceError } from '@millrace/runtime';
import type { CliContext } from '../cli-context.ts';
import { jsonText } from '../json-text.ts';
import { completeWindows } from './complete-windows.ts';
import { formatCompletion } from './complete-text.ts';

export interface CompleteFlags {
  since?: number;
  until?: number;
  rule?: readonly string[];
  tenant?: string;
  again?: boolean;
  memory?: number;
  json?: boolean;
  dataDir?: string;
}

/** A sample, with what sorts it. */
const SAMPLE_BYTES = 48;
const MIB = 1024 * 1024;

/**
 * @throws MillraceError COMPLETE_NOT_ALL when some windows cannot be completed;
 *   COMPLETE_RULE_UNKNOWN.
 */
export async function completeCommand(context: CliContext, flags: CompleteFlags): Promise<void> {
  const { output } = context;
  const { memory } = flags;
  const report = await completeWindows(context, flags.dataDir, {
    ...{ sinceUs: flags.since, untilUs: flags.until, rules: flags.rule, tenant: flags.tenant },
    isAgain: flags.again === true,
    ...(memory === undefined ? {} : { samplesMax: Math.floor((memory * MIB) / SAMPLE_BYTES) }),
  });
  if (flags.json === true) output.result(jsonText(report));
  else output.result(formatCompletion(report, output.colours));
  if (report.notCompletable > 0) throw notAll(report.notCompletable);
}

function notAll(windows: number): MillraceError {
  return new MillraceError({
    code: 'COMPLETE_NOT_ALL',
    kind: 'permanent',
    message:
      `${windows} windows cannot be computed from what is held. They show what they showed ` +
      'before; what was marked stays marked.',
    remedy: 'The reasons stand above. What a dashboard must not show, it leaves out by "marked".',
  });
}
