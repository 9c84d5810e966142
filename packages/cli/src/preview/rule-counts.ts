import { DefinitionReader, type DataRecord, type Entries } from '@millrace/wire';
import { fingerprintOf, type LabelSet, type Piece } from '@millrace/model';
import type { Placement } from '@millrace/rules';
import type { PartitionFold } from '@millrace/transformer/fold';
import type { PreviewRules } from './preview-rules.ts';
import { rowBytes } from './row-bytes.ts';

/** Output series that examples are taken of. */
const EXAMPLES_MAX = 3;

/** What came of one edition in one partition. */
export interface EditionCounts {
  seriesIn: number;
  /** Keys of output series. */
  seriesOut: Set<string>;
  samples: number;
  /** By width. */
  widths: Map<number, { rows: number; bytes: number }>;
  /** By output series: its labels, and its newest window. */
  examples: Map<string, { labels: LabelSet; piece: Piece; isComplete: boolean }>;
}

/** One input series, and the raw samples it had. */
interface Input {
  tenant: string;
  planned: Placement;
  current: Placement;
  samples: number;
}

/** Raw samples of the series that a rule of the file matches, as they would be kept and are. */
export interface RawCounts {
  planned: number;
  current: number;
}

/** Counts what the fold of one partition puts out. */
export class RuleCounts {
  readonly editions: Map<number, EditionCounts> = new Map();
  readonly raw: RawCounts = { planned: 0, current: 0 };
  readonly rawByRule: Map<number, RawCounts> = new Map();
  readonly #rules: PreviewRules;
  #sinceUs: number;
  readonly #inputs = new Map<string, Input>();

  constructor(rules: PreviewRules, sinceUs: number) {
    this.#rules = rules;
    this.#sinceUs = sinceUs;
    for (const edition of rules.byEdition.keys()) {
      const empty = { seriesIn: 0, samples: 0 };
      const counts = { ...empty, seriesOut: new Set<string>(), widths: new Map<number, never>() };
      this.editions.set(edition, { ...counts, examples: new Map<string, never>() });
    }
  }

  /** The log has nothing from before then: the range begins there. */
  beginAt(sinceUs: number): void {
    this.#sinceUs = sinceUs;
  }

  /** Input series that are known. */
  get size(): number {
    return this.#inputs.size;
  }

  /** Learns the series of a record, which was just folded. */
  learn(record: DataRecord, { tables }: PartitionFold): void {
    const { fingerprints, kinds } = record;
    const bytes = Buffer.from(fingerprints.buffer, fingerprints.byteOffset, fingerprints.length);
    let reader: DefinitionReader | undefined;
    let lanes: Uint32Array | undefined;
    for (let s = 0; s < kinds.length; s += 1) {
      const key = bytes.toString('latin1', 16 * s, 16 * s + 8);
      if (this.#inputs.has(key)) continue;
      reader ??= new DefinitionReader(record.definitions);
      lanes ??= new Uint32Array(new Uint8Array(fingerprints).buffer);
      const labels = reader.labels(s) ?? tables?.labels.labels(lanes, 4 * s);
      if (labels === undefined) continue;
      const { planned, current } = this.#rules.placers;
      const placed = { planned: planned.place(labels), current: current.place(labels) };
      this.#inputs.set(key, { tenant: record.tenant, ...placed, samples: 0 });
    }
  }

  /** Counts raw samples, and pieces that are final. */
  take({ samples, histograms, finals }: Entries): void {
    const ids = samples.seriesIds;
    const bytes = Buffer.from(ids.buffer, ids.byteOffset, ids.length);
    for (let i = 0; i < samples.count; i += 1)
      this.#sample(bytes.toString('latin1', 8 * i, 8 * i + 8));
    for (const { fingerprint } of histograms) this.#sample(keyOf(fingerprint).slice(0, 8));
    for (const piece of finals) this.piece(piece, true);
  }

  /** Counts the series of a piece, and it as a row if its window reaches into the range. */
  piece(piece: Piece, isComplete: boolean): void {
    const counts = this.editions.get(piece.edition);
    if (counts === undefined) return;
    const key = keyOf(piece.fingerprint);
    counts.seriesOut.add(key);
    // What came late, as all of a backfill, says nothing of how many rows a day has.
    if (piece.startUs + piece.widthUs <= this.#sinceUs) return;
    const width = counts.widths.get(piece.widthUs) ?? { rows: 0, bytes: 0 };
    width.rows += 1;
    width.bytes += rowBytes(piece);
    counts.widths.set(piece.widthUs, width);
    const { rule } = this.#rules.byEdition.get(piece.edition)!;
    if (piece.widthUs !== rule.widthsUs[0] || piece.startUs < this.#sinceUs) return;
    const example = counts.examples.get(key);
    // Labels are looked up afterwards, for the few of which there is a window.
    if (example === undefined && counts.examples.size < EXAMPLES_MAX) {
      counts.examples.set(key, { labels: [], piece, isComplete });
    } else if (example !== undefined && isComplete) {
      if (example.isComplete && example.piece.startUs > piece.startUs) return;
      Object.assign(example, { piece, isComplete });
    }
  }

  /** To be called once, when all was taken. */
  end(): void {
    for (const input of this.#inputs.values()) {
      const { planned, current, samples } = input;
      if (samples === 0) continue;
      if (planned.keepRaw) this.raw.planned += samples;
      if (current.keepRaw) this.raw.current += samples;
      for (const edition of this.#matching(planned, 'planned')) {
        this.#countIn(edition, samples);
        const raw = this.rawByRule.get(edition) ?? { planned: 0, current: 0 };
        if (planned.keepRaw) raw.planned += samples;
        if (current.keepRaw) raw.current += samples;
        this.rawByRule.set(edition, raw);
      }
      for (const edition of this.#matching(current, 'current')) this.#countIn(edition, samples);
      this.#nameExamples(input);
    }
  }

  /** Of what is dropped, the rule that drops. */
  #matching({ targets, droppedBy }: Placement, side: 'planned' | 'current'): number[] {
    if (droppedBy === undefined) return targets.map(({ rule }) => rule.edition);
    const { rules } = this.#rules[side];
    return rules.filter(({ name }) => name === droppedBy).map(({ edition }) => edition);
  }

  #countIn(edition: number, samples: number): void {
    const counts = this.editions.get(edition)!;
    counts.seriesIn += 1;
    counts.samples += samples;
  }

  #nameExamples({ tenant, planned }: Input): void {
    for (const { rule, labels } of planned.targets) {
      const { examples } = this.editions.get(rule.edition)!;
      if ([...examples.values()].every((one) => one.labels.length > 0)) continue;
      const example = examples.get(keyOf(fingerprintOf(tenant, labels)));
      if (example !== undefined) example.labels = labels;
    }
  }

  #sample(key: string): void {
    const input = this.#inputs.get(key);
    if (input !== undefined) input.samples += 1;
  }
}

function keyOf(fingerprint: Uint8Array): string {
  const { buffer, byteOffset, length } = fingerprint;
  return Buffer.from(buffer, byteOffset, length).toString('latin1');
}
