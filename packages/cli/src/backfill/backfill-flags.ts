import type { FileFormat, NanMeaning, ReadSettings, TimeUnit } from '@millrace/backfill';
import { SampleKind, type Label } from '@millrace/model';
import { InvalidArgumentError } from 'commander';
import type { ReceiverFlags } from '../receiver-client.ts';

/** What the command line says, as commander hands it over. */
export interface BackfillFlags extends ReceiverFlags {
  format?: FileFormat;
  metric?: string;
  tenant?: string;
  label: Label[];
  kind?: SampleKind;
  timeUnit?: TimeUnit;
  assumeUtc?: boolean;
  nan?: NanMeaning;
  delimiter: string;
  timeColumn?: string;
  valueColumn?: string;
  metricColumn?: string;
  labelColumns?: string[];
  rate?: number;
  atOnce: number;
  dryRun?: boolean;
  skipBad?: boolean;
  restart?: boolean;
  yes?: boolean;
  /** False with --no-complete. */
  complete?: boolean;
  progressDir?: string;
  json?: boolean;
}

/** How a file of this format is read. */
export function readSettingsOf(flags: BackfillFlags, format: FileFormat): ReadSettings {
  // What Prometheus has does not say what it is; it prints stale markers as NaN.
  const isDump = format === 'promtool';
  return {
    format,
    kind: flags.kind ?? (isDump ? SampleKind.unknown : SampleKind.gauge),
    metric: flags.metric,
    labels: flags.label,
    timeUnit: flags.timeUnit,
    assumesUtc: flags.assumeUtc === true,
    nan: flags.nan ?? (isDump ? 'stale' : 'value'),
    delimiter: flags.delimiter,
    timeColumn: flags.timeColumn,
    valueColumn: flags.valueColumn,
    metricColumn: flags.metricColumn,
    labelColumns: flags.labelColumns,
  };
}

/** `name=value`, given as often as there are labels. */
export function labelArgument(text: string, before: Label[]): Label[] {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('Write name=value.');
  return [...before, [text.slice(0, at), text.slice(at + 1)]];
}

export function delimiterArgument(text: string): string {
  const character = text === '\\t' || text === 'tab' ? '\t' : text;
  if (/^[^"\r\n]$/.test(character) && character.charCodeAt(0) < 0x80) return character;
  throw new InvalidArgumentError('It is one character of ASCII, as "," or ";" or tab.');
}

export function namesArgument(text: string): string[] {
  return text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}
