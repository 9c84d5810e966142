import { SampleKind, type LabelSet } from '@millrace/model';
import { EntryType, type SeriesRecordBuilder } from '@millrace/wire';
import type { DefinitionHint, DefinitionMemory } from '../memory/definition-memory.ts';
import type { FoldTables, PartitionHead } from './partition-state.ts';
import type { RecordSeries } from './record-series.ts';
import type { Placements, Target } from './series-placement.ts';

const NOT_DEFINED = -1;

/** Puts out definitions of series: on first sight, when their kind changes, and daily. */
export class SeriesDefiner {
  readonly #head: PartitionHead;
  readonly #definitions: DefinitionMemory;
  readonly #placements: Placements;
  readonly #out: SeriesRecordBuilder;

  constructor(head: PartitionHead, tables: FoldTables, out: SeriesRecordBuilder) {
    this.#head = head;
    this.#definitions = tables.definitions;
    this.#placements = tables.placements;
    this.#out = out;
  }

  /** Defines an input series that is kept raw, and all that it is aggregated into. */
  define(tenant: string, series: RecordSeries, s: number): void {
    const input = series.placement(s)!;
    const kind = series.kind(s);
    const definitions = this.#definitions;
    const timeUs = this.#head.partitionTimeUs;
    const { defined } = input;
    const { life } = definitions;
    if (defined.kind === kind && defined.life === life && timeUs < defined.untilUs) return;
    if (input.keepRaw && this.#isDue(series.keys, 4 * s, kind, input)) {
      this.#putOut(tenant, kind, input.fingerprint, series.labels(s));
    }
    let untilUs = definitions.dueUs(series.keys, 4 * s, timeUs);
    for (const target of input.targets) {
      this.defineOutput(tenant, series, s, target);
      untilUs = Math.min(untilUs, definitions.dueUs(target.keys, 0, timeUs));
    }
    defined.kind = kind;
    defined.untilUs = untilUs;
    // Unless one of them took the place of another.
    defined.life = definitions.life === life ? life : NOT_DEFINED;
  }

  /** Defines what an input series is aggregated into under one edition. */
  defineOutput(tenant: string, series: RecordSeries, s: number, target: Target): void {
    const { sameSeries, fingerprint, keys } = target;
    if (sameSeries && series.placement(s)!.keepRaw) return;
    // Inputs of several kinds may meet in one output series: it has none of them.
    const kind = sameSeries ? series.kind(s) : SampleKind.unknown;
    if (!this.#isDue(keys, 0, kind, target)) return;
    this.#putOut(
      tenant,
      kind,
      fingerprint,
      this.#placements.outputLabels(series.labels(s), target),
    );
  }

  #isDue(keys: Uint32Array, at: number, kind: SampleKind, hint: DefinitionHint): boolean {
    return this.#definitions.isDue(keys, at, kind, this.#head.partitionTimeUs, hint);
  }

  #putOut(tenant: string, kind: SampleKind, fingerprint: Uint8Array, labels: LabelSet): void {
    this.#out.entry(EntryType.definition, {
      fingerprint,
      tenant,
      labels: labels.map(([name, value]) => [name, value]),
      kind,
      seenUs: this.#head.partitionTimeUs,
    });
  }
}
