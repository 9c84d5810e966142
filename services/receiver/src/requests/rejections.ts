import { REJECT_REASONS, type RejectReason } from '@millrace/wire';

/** What an answer tells of the samples that were refused for one reason. */
export interface RejectedSamples {
  reason: RejectReason;
  count: number;
  /** The first ones, each as `sample 3: …`, bounded in number and length. */
  examples: string[];
  remedy: string;
}

/** Counts a request's refused samples by reason and keeps the first examples of each. */
export class Rejections {
  readonly #examplesMax: number;
  readonly #exampleLengthMax: number;
  readonly #byReason = new Map<RejectReason, RejectedSamples>();

  constructor(params: Readonly<{ examplesMax: number; exampleLengthMax: number }>) {
    this.#examplesMax = params.examplesMax;
    this.#exampleLengthMax = params.exampleLengthMax;
  }

  /**
   * Counts the sample number `ordinal` of the request. `detail` is only called when it becomes
   * an example: a request of a million bad samples must not cost a million texts.
   */
  add(reason: RejectReason, ordinal: number, detail: () => string): void {
    let rejected = this.#byReason.get(reason);
    if (rejected === undefined) {
      rejected = { reason, count: 0, examples: [], remedy: REJECT_REASONS[reason].remedy };
      this.#byReason.set(reason, rejected);
    }
    rejected.count += 1;
    if (rejected.examples.length < this.#examplesMax) {
      rejected.examples.push(`sample ${ordinal}: ${this.#bounded(detail())}`);
    }
  }

  /** By reason, in the order in which the reasons came up. */
  list(): RejectedSamples[] {
    return [...this.#byReason.values()];
  }

  #bounded(text: string): string {
    const max = this.#exampleLengthMax;
    return text.length <= max ? text : `${text.slice(0, max - 1)}…`;
  }
}
