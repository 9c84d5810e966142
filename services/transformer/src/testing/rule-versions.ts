import { compileRules, editionKey, type CompiledRules, type RuleFile } from '@millrace/rules';
import type { BarrierCandidate, BarrierRecord, FoldSettings } from '@millrace/wire';

/** Numbers versions and editions as `metrics.control` does: only what differs gets another. */
export class RuleVersions {
  #newest: BarrierRecord;
  #last: number;

  /** `first`: the barrier a log begins with. */
  constructor(first: BarrierRecord) {
    this.#newest = first;
    this.#last = Math.max(first.number, ...this.rules.rules.map(({ edition }) => edition));
  }

  get newest(): BarrierRecord {
    return this.#newest;
  }

  get rules(): CompiledRules {
    return this.#newest.rules as CompiledRules;
  }

  /** The barrier that brings a rule file, and settings, into force behind the newest one. */
  next(
    file: RuleFile | undefined,
    settings: Partial<FoldSettings> = {},
    foldVersion: number = this.#newest.foldVersion,
  ): BarrierRecord {
    const before = this.rules;
    const wanted = compileRules(file);
    const rules = wanted.rules.map((rule) => {
      const known = before.rules.find(({ name }) => name === rule.name);
      const goesOn = known !== undefined && editionKey(known, before) === editionKey(rule, wanted);
      return { ...rule, edition: goesOn ? known.edition : this.#next() };
    });
    this.#newest = {
      ...this.#newest,
      after: this.#newest.number,
      number: this.#next(),
      foldVersion,
      settings: { ...this.#newest.settings, ...settings },
      rules: { ...wanted, rules: rules.sort((a, b) => a.edition - b.edition) },
    };
    return this.#newest;
  }

  get candidates(): readonly BarrierCandidate[] {
    return this.#newest.candidates ?? [];
  }

  /** The barrier that brings a rule file beside those in force, in editions of its own. */
  beginCandidate(file: RuleFile | undefined): BarrierRecord {
    const { version, rules } = compileRules(file);
    const numbered = { version, rules: rules.map((rule) => ({ ...rule, edition: this.#next() })) };
    const number = this.#next();
    return this.#follow(number, { candidates: [...this.candidates, { number, rules: numbered }] });
  }

  /** The barrier that lets the candidate change places with the rules in force. */
  promote(candidate: BarrierCandidate): BarrierRecord {
    const kept = { number: this.#newest.number, rules: this.#newest.rules };
    const candidates = this.candidates.map((one) => (one === candidate ? kept : one));
    return this.#follow(this.#next(), { rules: candidate.rules, candidates });
  }

  drop(candidate: BarrierCandidate): BarrierRecord {
    const candidates = this.candidates.filter((one) => one !== candidate);
    return this.#follow(this.#next(), { candidates });
  }

  #follow(number: number, change: Partial<BarrierRecord>): BarrierRecord {
    this.#newest = { ...this.#newest, after: this.#newest.number, number, ...change };
    return this.#newest;
  }

  #next(): number {
    this.#last += 1;
    return this.#last;
  }
}
