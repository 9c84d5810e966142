import type { LabelSet } from '@millrace/model';
import { createPlacer, readCompiledRules, type Placer } from '@millrace/rules';
import type { BarrierRecord, FoldSettings } from '@millrace/wire';
import { Kept } from '../series-table.ts';

/** What a barrier brings, or `metrics.control` where the log does not hold the barrier any more. */
export type RulesSource = Pick<
  BarrierRecord,
  'number' | 'after' | 'foldVersion' | 'settings' | 'rules'
>;

/** Rules and settings of one partition, as its barriers bring them. */
export class RulesInForce {
  #number = 0;
  #placer: Placer | undefined;
  /** Every series is kept raw, whatever its labels. */
  keepsAll: boolean = true;
  settings: FoldSettings | undefined;
  foldVersion: number = 0;
  /** Largest futureSkewUs so far. */
  skewMaxUs = 0;
  /** Counts up when rules change: what was asked of earlier ones is asked again. */
  generation = 1;

  take(source: RulesSource): void {
    // Repeated, older, or ahead of what it follows: as if it were not there.
    if (source.number <= this.#number || source.after > this.#number) return;
    this.force(source);
  }

  /** Without asking whether it follows what is in force. */
  force({ number, foldVersion, settings, rules }: Omit<RulesSource, 'after'>): void {
    const compiled = readCompiledRules(rules);
    this.#number = number;
    this.keepsAll = compiled.rules.every(({ keepRaw, drop }) => keepRaw && drop !== true);
    this.#placer = createPlacer(compiled);
    this.settings = settings;
    this.foldVersion = foldVersion;
    this.skewMaxUs = Math.max(this.skewMaxUs, settings.futureSkewUs);
    this.generation += 1;
  }

  kept(labels: LabelSet): Kept {
    if (this.keepsAll || this.#placer === undefined) return Kept.raw;
    const { keepRaw, droppedBy } = this.#placer.place(labels);
    if (droppedBy !== undefined) return Kept.dropped;
    return keepRaw ? Kept.raw : Kept.away;
  }
}
