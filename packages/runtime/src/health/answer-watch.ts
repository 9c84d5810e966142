import type { Clock } from '../time/clock.ts';
import { errorText, MillraceError } from '../errors.ts';
import type { Dependency } from './health.ts';
import type { Log } from '../log/log.ts';

export interface AnswerWatchParams {
  clock: Clock;
  log: Log;
  /** As `/readyz` names what is asked. */
  name: string;
  /** Resolves when it answers. It must settle some time, however long nobody answers. */
  ask: () => Promise<void>;
}

export interface AnswerWatchSettings {
  /** Between an answer and the next question. */
  everyMs: number;
  /** Without an answer for so long it counts as silent. */
  answerMsMax: number;
}

/** What is silent is told after the sum of both at the latest; a store may be busy for seconds. */
export const ANSWER_WATCH_DEFAULTS: AnswerWatchSettings = { everyMs: 2000, answerMsMax: 3000 };

/**
 * Asks something that the process needs, as long as it runs, whether it answers: what merely stands
 * still, or lies behind a network that loses packets, refuses nothing and fails nowhere.
 */
export class AnswerWatch {
  readonly #params: AnswerWatchParams;
  readonly #settings: AnswerWatchSettings;
  /** Since when nobody has answered; undefined: the last question was. */
  #unansweredSinceUs: number | undefined;
  #failure: string | undefined;
  #isTold = false;

  constructor(params: AnswerWatchParams, settings: AnswerWatchSettings = ANSWER_WATCH_DEFAULTS) {
    this.#params = params;
    this.#settings = settings;
  }

  /** Why it is thought not to answer now. */
  get problem(): string | undefined {
    if (this.#unansweredSinceUs === undefined) return undefined;
    const silentMs = (this.#params.clock.nowUs() - this.#unansweredSinceUs) / 1000;
    if (this.#failure === undefined && silentMs < this.#settings.answerMsMax) return undefined;
    const seconds = Math.max(0, Math.round(silentMs / 1000));
    const why = this.#failure ?? 'It may stand still, or the network may lose packets.';
    return `It has not answered for ${seconds} s. ${why}`;
  }

  /** For `/readyz`. */
  get dependency(): Dependency {
    const { name } = this.#params;
    const detail = this.problem;
    return detail === undefined ? { name, state: 'ok' } : { name, state: 'degraded', detail };
  }

  /** Asks until the signal aborts; resolves then. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#params;
    while (!signal.aborted) {
      await this.#ask(signal);
      if (signal.aborted) return;
      await clock.sleep(this.#settings.everyMs, signal).catch(() => undefined);
    }
  }

  async #ask(signal: AbortSignal): Promise<void> {
    const { ask, clock, log, name } = this.#params;
    this.#unansweredSinceUs ??= clock.nowUs();
    try {
      await ask();
      this.#unansweredSinceUs = undefined;
      this.#failure = undefined;
      if (this.#isTold) log.info({ dependency: name }, 'It answers again.');
      this.#isTold = false;
    } catch (error) {
      if (signal.aborted) return;
      const remedy = error instanceof MillraceError ? error.remedy : undefined;
      this.#failure = `${errorText(error)} ${remedy ?? ''}`.trim();
      if (!this.#isTold) log.warn({ dependency: name, error: this.#failure }, 'It is not there.');
      this.#isTold = true;
    }
  }
}
