import { Emphasis } from './emphases.ts';
import type { Mutant } from './mutant.ts';

const RECEIVER = 'services/receiver/src';

export const RECEIVER_MUTANTS: readonly Mutant[] = [
  {
    name: 'acknowledged before it is flushed',
    patches: [
      {
        file: `${RECEIVER}/intake/appender.ts`,
        text: 'appended = this.#producer.append(TOPIC_EVENTS, partition, payload);',
        replacement: `const sent = this.#producer.append(TOPIC_EVENTS, partition, payload);
          sent.catch(() => undefined);
          appended = Promise.resolve({ offset: 0 });`,
      },
    ],
  },
  {
    name: 'believes a definition before the acknowledgement',
    emphasis: Emphasis.failures,
    patches: [
      {
        file: `${RECEIVER}/intake/appender.ts`,
        text: 'appended = this.#producer.append(TOPIC_EVENTS, partition, payload);',
        replacement: `learned?.();
          appended = this.#producer.append(TOPIC_EVENTS, partition, payload);`,
      },
    ],
  },
  {
    name: 'marked as seen before it is appended',
    patches: [
      {
        file: `${RECEIVER}/intake/intake.ts`,
        text: 'const cut = cutter.finish();',
        replacement: `const name = Buffer.from(identity.bytes).toString('hex');
          const seen = (this.seen ??= new Set());
          const cut = seen.has(name) ? { drafts: [], owned: false } : cutter.finish();
          if (name !== '') seen.add(name);`,
      },
    ],
  },
  {
    name: 'answered when the first part is durable',
    emphasis: Emphasis.repeats,
    patches: [
      {
        file: `${RECEIVER}/intake/appender.ts`,
        text: ': Promise.all(request.drafts.map(start));',
        replacement: ': Promise.race(request.drafts.map(async (draft) => [await start(draft)]));',
      },
    ],
  },
  {
    name: 'a part that failed gives its number to the next',
    emphasis: Emphasis.repeats,
    patches: [
      {
        file: `${RECEIVER}/intake/appender.ts`,
        text: 'append.abandoned = true;\n    this.#lastFailure',
        replacement: `append.abandoned = true;
          this.#lanes[partition].sequence -= 1;
          this.#lastFailure`,
      },
    ],
  },
  {
    name: 'routed by something else than the series',
    emphasis: Emphasis.repeats,
    patches: [
      {
        file: `${RECEIVER}/parts/part-cutter.ts`,
        text: 'const builder = this.#builders[this.series.table.partitions[series]!]!;',
        replacement: `const builder = this.#builders[
            (this.series.table.partitions[series]! + this.#serial) % this.#builders.length
          ]!;`,
      },
    ],
  },
];
