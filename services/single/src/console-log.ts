import { createLog, type Log, type LogFields } from '@millrace/runtime';
import type { SingleSettings } from './settings.ts';
import { createTextLog } from './text-log.ts';

/** The log of one thread, in the form that was asked for. */
export function createConsoleLog(
  params: Readonly<{
    logging: SingleSettings['logging'];
    colours: boolean;
    fields?: LogFields;
  }>,
): Log {
  const { logging, colours, fields = {} } = params;
  const { level, format } = logging;
  return format === 'json'
    ? createLog({ level, fields })
    : createTextLog({ level, colours, fields });
}
