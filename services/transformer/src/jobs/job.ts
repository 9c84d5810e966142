import { foldVersionNeeded, type CompiledRule, type CompiledRules } from '@millrace/rules';
import type { JobEdition } from '@millrace/wire';
import type { FoldTables } from '../fold/partition-state.ts';
import type { BarrierInForce } from '../fold/read-barrier.ts';

/** A candidate whose past is folded: the same for every partition. */
export interface Job {
  /** The number of the version that began it. */
  candidate: number;
  rules: CompiledRules;
  /** Windows that hold this time, and all later ones, are folded. */
  sinceUs: number;
  /** P of the log. */
  partitions: number;
}

/** No sample before it gets into any window of the job: the first start of one that holds `sinceUs`. */
export function wholeFromUs({ rules, sinceUs }: Pick<Job, 'rules' | 'sinceUs'>): number {
  const widths = rules.rules.flatMap(({ widthsUs }) => widthsUs);
  return Math.min(sinceUs, ...widths.map((widthUs) => Math.floor(sinceUs / widthUs) * widthUs));
}

/**
 * What the job folds into, and from which window on: of every width from where the widest begins,
 * which has to be read in any case, or nothing could be shown of all widths before its next one.
 */
export function jobEditions(job: Pick<Job, 'rules' | 'sinceUs'>): JobEdition[] {
  const fromUs = wholeFromUs(job);
  return job.rules.rules
    .filter(({ drop }) => drop !== true)
    .map(({ edition, widthsUs }) => ({
      edition,
      fromUs: widthsUs.map((widthUs) => Math.ceil(fromUs / widthUs) * widthUs),
    }));
}

/**
 * A barrier as the job takes it. It brings its settings and fold version; of rules only those of
 * the candidate, as a candidate: so they are folded by what folds them behind the barrier that
 * began it, and nothing of a sample is put out but what they make of it.
 */
export function barrierOfJob(barrier: BarrierInForce, { candidate, rules }: Job): BarrierInForce {
  const nothing = { version: rules.version, rules: [dropAll(candidate)] };
  const needed = Math.max(foldVersionNeeded(rules), foldVersionNeeded(nothing));
  return {
    number: barrier.number,
    // A log of before may not know them: what else changes with it are counts that nobody sees.
    foldVersion: Math.max(barrier.foldVersion, needed),
    settings: barrier.settings,
    rules: nothing,
    candidates: [{ number: candidate, rules }],
  };
}

/** Folds nothing into windows that start too early. Once the tables have their rules. */
export function boundEditions({ editions }: FoldTables, job: Job): void {
  for (const { edition, fromUs } of jobEditions(job)) {
    editions.plans.get(edition)!.fromUs = fromUs;
  }
}

/** `edition`: any number that none of the rules has; versions and editions are counted together. */
function dropAll(edition: number): CompiledRule {
  return {
    ...{ name: 'not this job', edition, match: '{}', grouping: { kind: 'same' }, drop: true },
    ...{ widthsUs: [], aggregates: [], columns: [], distinctLabel: null, source: '' },
    ...{ keepRaw: false, aggregatesAway: false, onlyKeptRaw: false },
  };
}
