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
  /** Of the series at hand, which is its own output. */
  readonly #hint: DefinitionHint = { definitionSlot: -1 };

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
    const caches = series.caches(s);
    const row = series.row(s);
    const { life } = definitions;
    const isDefined =
      timeUs < caches.definedUntilUs[row]! &&
      caches.definedKinds[row] === kind &&
      caches.definedLives[row] === life;
    if (isDefined) return;
    caches.besideUntilUs[row] = -Infinity;
    if (input.keepRaw && this.#isInputDue(series, s)) {
      this.#putOut(tenant, kind, series.fingerprint(s), series.labels(s));
    }
    let untilUs = definitions.dueUs(series.keys, 4 * s, timeUs);
    for (const target of input.targets) {
      this.defineOutput(tenant, series, s, target);
      const { output } = target;
      if (output === undefined) continue;
      untilUs = Math.min(untilUs, definitions.dueUs(output.keys, 0, timeUs));
    }
    caches.definedKinds[row] = kind;
    caches.definedUntilUs[row] = untilUs;
    // Unless one of them took the place of another.
    caches.definedLives[row] = definitions.life === life ? life : NOT_DEFINED;
  }

  /**
   * Notes until when all that stands beside needs no look: it was defined just now. Only where
   * `define` said the same of the others; both hold as long as nothing that is defined changes.
   */
  noteBeside(series: RecordSeries, s: number, beside: readonly Target[]): void {
    const caches = series.caches(s);
    const row = series.row(s);
    const timeUs = this.#head.partitionTimeUs;
    if (timeUs < caches.besideUntilUs[row]!) return;
    const isKnown =
      caches.definedLives[row] === this.#definitions.life &&
      caches.definedKinds[row] === series.kind(s);
    if (!isKnown) return;
    let untilUs = caches.definedUntilUs[row]!;
    for (const { output } of beside) {
      if (output === undefined) continue;
      untilUs = Math.min(untilUs, this.#definitions.dueUs(output.keys, 0, timeUs));
    }
    caches.besideUntilUs[row] = untilUs;
  }

  /** Defines what an input series is aggregated into under one edition. */
  defineOutput(tenant: string, series: RecordSeries, s: number, target: Target): void {
    const { output } = target;
    if (output === undefined) {
      if (series.placement(s)!.keepRaw || !this.#isInputDue(series, s)) return;
      this.#putOut(tenant, series.kind(s), series.fingerprint(s), series.labels(s));
      return;
    }
    const { keys, fingerprint } = output;
    const timeUs = this.#head.partitionTimeUs;
    // Inputs of several kinds may meet in one output series: it has none of them.
    const kind = SampleKind.unknown;
    if (!this.#definitions.isDue(keys, 0, kind, timeUs, output)) return;
    const labels = this.#placements.outputLabels(series.labels(s), target);
    this.#putOut(tenant, kind, fingerprint, labels);
  }

  #isInputDue(series: RecordSeries, s: number): boolean {
    const hint = this.#hint;
    const { definitionSlots } = series.caches(s);
    const row = series.row(s);
    hint.definitionSlot = definitionSlots[row]!;
    const timeUs = this.#head.partitionTimeUs;
    const isDue = this.#definitions.isDue(series.keys, 4 * s, series.kind(s), timeUs, hint);
    definitionSlots[row] = hint.definitionSlot;
    return isDue;
  }

  #putOut(tenant: string, kind: SampleKind, fingerprint: Uint8Array, labels: LabelSet): void {
    this.#out.entry(EntryType.definition, {
      fingerprint,
      tenant,
      labels,
      kind,
      seenUs: this.#head.partitionTimeUs,
    });
  }
}
