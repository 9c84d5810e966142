import {
  applyRules,
  beginCandidate,
  CANDIDATES_MAX,
  dropCandidate,
  openControl,
  promoteCandidate,
  readHistory,
  type ControlParts,
} from '@millrace/control';
import { compileRules, type CompiledRules } from '@millrace/rules';
import { errorKind, MillraceError } from '@millrace/runtime';
import type { Stream } from '@millrace/stream';
import { FOLD_VERSIONS } from '@millrace/transformer/testing';
import { DEFAULT_FOLD_SETTINGS, type FoldSettings } from '@millrace/wire';
import type { MortalProcess } from './mortal-process.ts';
import type { Random } from './random.ts';
import { SIM_RULES, simRules } from './sim-rules.ts';

interface SimControlParts {
  /** Who applies rules, anew each time: they die on the way, and others go on. */
  start: () => MortalProcess;
  openStream: () => Stream;
  random: Random;
  /** Told what no injected fault explains. */
  onDefect: (error: unknown) => void;
}

const SECOND_US = 1_000_000;

/** Settings that may change while the system runs, without a promise changing. */
const CHANGES: readonly Partial<FoldSettings>[] = [
  { latenessUs: 30 * SECOND_US },
  { latenessUs: 120 * SECOND_US },
  { retainUs: 60 * SECOND_US },
  { retainUs: 900 * SECOND_US },
  { publishUs: 7 * SECOND_US },
  { publishUs: SECOND_US },
  { rollupPublishUs: 60 * SECOND_US },
  { appendCapUs: 60 * SECOND_US },
  { piecesMax: 25 },
  { piecesMax: 4000, definitionsMax: 100, labelSetsMax: 100 },
];

/** The first version of the rules: nobody disturbs the one that begins a log. */
export async function beginControl(
  parts: ControlParts,
  settings: Partial<FoldSettings>,
  foldVersion: number,
): ReturnType<typeof openControl> {
  return await openControl(parts, {
    rules: compileRules(SIM_RULES),
    settings: { ...DEFAULT_FOLD_SETTINGS, ...settings },
    foldVersion,
    source: '',
  });
}

/**
 * People who apply rules, several at a time, and whose programs die half-way: owners of the
 * partitions have to make up for the barriers that are missing.
 */
export class SimControl {
  readonly #parts: SimControlParts;
  #settings: Partial<FoldSettings>;
  #underWay = 0;

  constructor(parts: SimControlParts, settings: Partial<FoldSettings>) {
    this.#parts = parts;
    this.#settings = settings;
  }

  /** Nobody applies anything any more. */
  get isIdle(): boolean {
    return this.#underWay === 0;
  }

  /** Other rules, and now and then other settings or another fold version. */
  change(): void {
    const { random, start, openStream, onDefect } = this.#parts;
    const rules = compileRules(simRules((from) => random.pick(from)));
    if (random.chance(0.4)) this.#settings = { ...this.#settings, ...random.pick(CHANGES) };
    const settings = { ...DEFAULT_FOLD_SETTINGS, ...this.#settings };
    const newer = random.chance(0.2) ? { foldVersion: FOLD_VERSIONS.at(-1)! } : {};
    const process = start();
    const parts = { stream: process.stream(openStream()), clock: process.clock };
    this.#underWay += 1;
    const change = random.chance(0.4)
      ? this.#changeCandidates(parts, rules)
      : applyRules(parts, { rules, settings, ...newer, source: '' });
    const applying = change.then(
      () => undefined,
      (error: unknown) => {
        // What was recorded is completed by the owners; what was not never was.
        if (errorKind(error) !== 'transient' && !isLate(error)) onDefect(error);
      },
    );
    // Who died on the way never comes back.
    const over = process.whenDead();
    void Promise.race([applying, over]).then(() => {
      this.#underWay -= 1;
    });
  }

  /** Rules beside those in force: there are some, they change places, or they are dropped. */
  async #changeCandidates(parts: ControlParts, rules: CompiledRules): Promise<unknown> {
    const { random } = this.#parts;
    const known = (await readHistory(parts.stream)).newest?.candidates ?? [];
    const candidate = known.length === 0 ? undefined : random.pick(known);
    const isMore = known.length < CANDIDATES_MAX && random.chance(0.3);
    if (candidate === undefined || isMore) {
      return await beginCandidate(parts, { rules, source: '', sinceUs: 0 });
    }
    const change = random.chance(0.6) ? promoteCandidate : dropCandidate;
    return await change(parts, candidate.number);
  }

  /** Number of the newest version there is. */
  async newest(): Promise<number> {
    const history = await readHistory(this.#parts.openStream());
    return history.newest?.number ?? 0;
  }
}

/** Somebody else was faster: what it was about is not there any more, or there are enough. */
function isLate(error: unknown): boolean {
  if (!(error instanceof MillraceError)) return false;
  return error.code === 'CANDIDATE_UNKNOWN' || error.code === 'CANDIDATES_FULL';
}
