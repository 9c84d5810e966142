import { createBackoff, errorKind, errorText, MillraceError, type Clock } from '@millrace/runtime';
import { readFile } from '../read/read-file.ts';
import type { ReadSettings } from '../read/read-settings.ts';
import type { SampleTime } from '../read/sample-time.ts';
import { stretchRequests, type RequestSettings } from '../stretch/stretch-requests.ts';
import type { Stretch, StretchSettings } from '../stretch/stretch.ts';
import type { BackfillProgress } from './backfill-progress.ts';
import type { BackfillTarget, RejectedCount, SentAnswer } from './backfill-target.ts';
import { Pace } from './pace.ts';
import { StretchSink } from './stretch-sink.ts';

export interface SendSettings {
  stretch: StretchSettings;
  request: RequestSettings;
  /** Undefined: as fast as it is stored. */
  samplesPerSecond: number | undefined;
  /** How long a receiver, and then the store, may be away before it is given up for now. */
  awayMsMax: number;
}

export interface Sending {
  path: string;
  settings: ReadSettings;
  time: SampleTime;
  progress: BackfillProgress;
  target: BackfillTarget;
  clock: Clock;
  signal: AbortSignal;
  /** Notes how far it is. */
  save(progress: BackfillProgress): Promise<void>;
  onStep?: (progress: BackfillProgress) => void;
  /** Why nothing goes on for the moment. */
  onWait?: (why: string) => void;
}

/**
 * Sends what a file holds behind its progress, stretch by stretch, and waits until it is stored.
 * The next stretch is sent while the one before is being stored, and no further: so live samples,
 * which come to the same partitions, wait for no more than that. Resolves with the last progress.
 *
 * @throws MillraceError BACKFILL_AWAY (transient): the same again goes on; BACKFILL_REFUSED.
 */
export async function sendFile(params: Sending, settings: SendSettings): Promise<BackfillProgress> {
  const sender = new FileSender(params, settings);
  const { path, time, signal, progress } = params;
  const sink = new StretchSink({
    settings: settings.stretch,
    nan: params.settings.nan,
    first: progress.stretches,
    from: progress.place,
    take: async (stretch) => await sender.take(stretch),
  });
  await readFile({ path, settings: params.settings, time, from: progress.place, sink, signal });
  await sink.end();
  return await sender.finish();
}

class FileSender {
  readonly #params: Sending;
  readonly #settings: SendSettings;
  readonly #pace: Pace;
  #progress: BackfillProgress;

  constructor(params: Sending, settings: SendSettings) {
    this.#params = params;
    this.#settings = settings;
    this.#progress = params.progress;
    this.#pace = new Pace(params.clock, settings.samplesPerSecond);
  }

  async take(stretch: Stretch): Promise<void> {
    const { save, signal, onStep } = this.#params;
    const { digest } = this.#progress;
    const before = this.#progress.tokens;
    const tokens: string[] = [];
    let { samples, accepted, rejected } = this.#progress;
    for (const request of stretchRequests(stretch, { digest, settings: this.#settings.request })) {
      await this.#pace.admit(request.samples, signal);
      const answer = await this.#send(request.body);
      samples += request.samples;
      accepted += answer.accepted;
      rejected = addRejected(rejected, answer.rejected);
      if (answer.token !== undefined) tokens.push(answer.token);
      onStep?.({ ...this.#progress, samples, accepted, rejected });
    }
    const at = { stretches: stretch.number + 1, place: stretch.end };
    this.#progress = { ...this.#progress, ...at, samples, accepted, rejected, tokens };
    await save(this.#progress);
    await this.#awaitStored(before);
  }

  async finish(): Promise<BackfillProgress> {
    const { save, clock } = this.#params;
    await this.#awaitStored(this.#progress.tokens);
    const finishedAt = new Date(clock.nowUs() / 1000).toISOString();
    this.#progress = { ...this.#progress, finishedAt };
    await save(this.#progress);
    return this.#progress;
  }

  async #send(body: Uint8Array): Promise<SentAnswer> {
    return await this.#patiently(async () => await this.#params.target.send(body));
  }

  async #awaitStored(tokens: readonly string[]): Promise<void> {
    const { target, clock, onWait } = this.#params;
    for (const token of tokens) {
      const sinceUs = clock.nowUs();
      for (;;) {
        const stored = await this.#patiently(async () => await target.stored(token));
        if (stored !== false) break;
        const ms = (clock.nowUs() - sinceUs) / 1000;
        if (ms > this.#settings.awayMsMax) throw away('the store does not store it');
        onWait?.('the store is behind');
      }
    }
  }

  /** Tries again while it may help, for a bounded time. */
  async #patiently<T>(attempt: () => Promise<T>): Promise<T> {
    const { clock, signal, onWait } = this.#params;
    const backoff = createBackoff({ clock });
    const sinceUs = clock.nowUs();
    for (;;) {
      signal.throwIfAborted();
      try {
        return await attempt();
      } catch (error) {
        if (errorKind(error) !== 'transient') throw error;
        const ms = (clock.nowUs() - sinceUs) / 1000;
        if (ms > this.#settings.awayMsMax) throw away(errorText(error), error);
        onWait?.(errorText(error));
        await backoff.wait(signal);
      }
    }
  }
}

function away(why: string, cause?: unknown): MillraceError {
  return new MillraceError({
    code: 'BACKFILL_AWAY',
    kind: 'transient',
    message: `Part of the file is sent, and for long nothing goes on: ${why}`,
    remedy: 'Mend that, then run the same command again: it goes on where it was.',
    cause,
  });
}

const EXAMPLES_MAX = 3;

function addRejected(
  sums: readonly RejectedCount[],
  more: readonly RejectedCount[],
): RejectedCount[] {
  const all = new Map(sums.map((one) => [one.reason, one]));
  for (const one of more) {
    const known = all.get(one.reason);
    const examples = [...(known?.examples ?? []), ...one.examples].slice(0, EXAMPLES_MAX);
    all.set(one.reason, { ...one, count: one.count + (known?.count ?? 0), examples });
  }
  return [...all.values()];
}
