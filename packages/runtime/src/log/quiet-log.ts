import type { Clock } from '../time/clock.ts';
import type { Log, LogFields } from './log.ts';

/** The same line again within this time is only counted; each time it is told, twice as long. */
const REST_MS = 60_000;
const REST_MS_MAX = 10 * 60_000;
/** Different lines remembered: messages are constant sentences, and partitions are few. */
const LINES_MAX = 2000;
/** A longer text is a sentence, and may have numbers in it. */
const WORD_LENGTH_MAX = 40;

interface ToldLine {
  atMs: number;
  restMs: number;
  /** Since it was told. */
  repeated: number;
}

/**
 * The same log for a process whose services may be away for hours: a warning or error is told at
 * once, and then, as long as it goes on, every few minutes with how often it was `repeated`. Lines
 * are the same that have one message, partition and code.
 */
export function createQuietLog(log: Log, { clock }: Readonly<{ clock: Clock }>): Log {
  return quiet(log, {}, clock, new Map());
}

function quiet(log: Log, own: LogFields, clock: Clock, told: Map<string, ToldLine>): Log {
  const tell = (level: 'warn' | 'error', fields: LogFields, message: string): void => {
    // Whoever counts repetitions is quiet already.
    if ('repeated' in fields) return log[level](fields, message);
    const key = `${level} ${message} ${describe({ ...own, ...fields })}`;
    const nowMs = clock.nowUs() / 1000;
    const last = told.get(key);
    // A clock that was set back must not silence it.
    if (last !== undefined && nowMs >= last.atMs && nowMs - last.atMs < last.restMs) {
      last.repeated += 1;
      return;
    }
    if (told.size >= LINES_MAX) told.clear();
    const restMs = last === undefined ? REST_MS : restAfter(last, nowMs);
    told.set(key, { atMs: nowMs, restMs, repeated: 0 });
    const repeated = last?.repeated ?? 0;
    log[level](repeated === 0 ? fields : { ...fields, repeated }, message);
  };
  return {
    debug: (fields, message) => log.debug(fields, message),
    info: (fields, message) => log.info(fields, message),
    warn: (fields, message) => tell('warn', fields, message),
    error: (fields, message) => tell('error', fields, message),
    child: (fields) => quiet(log.child(fields), { ...own, ...fields }, clock, told),
  };
}

/** What was quiet for as long again is told as if for the first time. */
function restAfter({ atMs, restMs, repeated }: ToldLine, nowMs: number): number {
  if (repeated === 0 || nowMs - atMs >= 2 * restMs) return REST_MS;
  return Math.min(2 * restMs, REST_MS_MAX);
}

/** What tells lines of one message apart: not the times and offsets that are in it. */
function describe(fields: LogFields): string {
  const parts = Object.entries(fields).map(([name, value]) => {
    if (name === 'partition') return `partition ${String(value)}`;
    if (typeof value !== 'string') return name;
    const code = /^[A-Z][A-Z0-9_]+(?=: )/.exec(value)?.[0];
    return code ?? (value.length > WORD_LENGTH_MAX ? name : value);
  });
  return parts.join(' ');
}
