import { FINDING_KINDS, type Finding, type FindingKind } from './report.ts';

/** Where something is wrong, for telling which one is the first. */
export type Place = Partial<Omit<Finding, 'kind' | 'count'>> & Readonly<{ message: string }>;

/** Counts what is wrong, and keeps the first of each kind. */
export class Findings {
  readonly #first = new Map<FindingKind, Place>();
  readonly #counts = new Map<FindingKind, number>();
  readonly #tenant: string | undefined;

  /** Of one tenant, and of what belongs to none; undefined: of all. */
  constructor(tenant?: string) {
    this.#tenant = tenant;
  }

  /** `count`: so many, of which this is the first. */
  add(kind: FindingKind, place: Place, count = 1): void {
    const { tenant = this.#tenant } = place;
    if (this.#tenant !== undefined && tenant !== this.#tenant) return;
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + count);
    const known = this.#first.get(kind);
    if (known === undefined || isBefore(place, known)) this.#first.set(kind, place);
  }

  /** One of each kind. */
  list(): Finding[] {
    return FINDING_KINDS.flatMap((kind) => {
      const first = this.#first.get(kind);
      if (first === undefined) return [];
      const { partition, offset, tenant, series, seriesId, time, expected, found } = first;
      const place = { partition, offset, tenant, series, seriesId, time, expected, found };
      return [{ kind, count: this.#counts.get(kind)!, message: first.message, ...place }];
    });
  }
}

function isBefore(a: Place, b: Place): boolean {
  const order = (a.partition ?? 0) - (b.partition ?? 0) || (a.offset ?? 0) - (b.offset ?? 0);
  return order < 0 || (order === 0 && (a.time ?? '') < (b.time ?? ''));
}
