import type { LoadSettings } from '../load/load-run.ts';

/** What is sent, apart from how fast. */
export type Payload = Pick<LoadSettings, 'series' | 'seriesPerRequest' | 'stepMs' | 'values'> & {
  /** Each series is sent once before the measured run, which is told for itself. */
  readonly isKnownBefore?: boolean;
  /** What a run at full rate measures, where that is not what comes to mind. */
  readonly note?: string;
  /** Another one that is sent by turns with it: what their ratio is tells most. */
  readonly against?: string;
};

/** By name, as `--payload` takes it; the first is what is sent unless told otherwise. */
export const PAYLOADS: Readonly<Record<string, Payload & { readonly what: string }>> = {
  'hot-1s': {
    what: '10,000 series 1 s apart',
    series: 10_000,
    seriesPerRequest: 1000,
    stepMs: 1000,
    values: 'steps',
  },
  'hot-10s': {
    what: '10,000 series 10 s apart',
    series: 10_000,
    seriesPerRequest: 1000,
    stepMs: 10_000,
    values: 'steps',
  },
  real: {
    what: '10,000 series 10 s apart, with values like those of real gauges and counters',
    series: 10_000,
    seriesPerRequest: 1000,
    stepMs: 10_000,
    values: 'real',
  },
  million: {
    what: '1,000,000 such series, each known before, by turns with the 10,000',
    series: 1_000_000,
    seriesPerRequest: 1000,
    stepMs: 10_000,
    values: 'real',
    isKnownBefore: true,
    note:
      'a backlog being drained: samples 10 s apart, sent so much faster that most are behind the ' +
      'watermark when they come; `--only paced --rate 100000` sends them as they come live',
    against: 'real',
  },
};

export const DEFAULT_PAYLOAD = 'hot-1s';
