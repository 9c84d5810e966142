import type { PartitionStatus } from './stage.ts';

/** What partitions of a stage have to tell, once: where the same holds up many, nobody reads all. */
export interface ToldTogether {
  partitions: number[];
  state: PartitionStatus['state'];
  /** It goes on all the same. */
  isWarning: boolean;
  /** As the first of them tells it. */
  told: NonNullable<PartitionStatus['reason']>;
}

/** In order of their first partitions. What differs but in the partition's own number stays apart. */
export function toldTogether(partitions: readonly PartitionStatus[]): ToldTogether[] {
  const alike = new Map<string, ToldTogether>();
  for (const { partition, state, reason, warning } of partitions) {
    const told = reason ?? warning;
    if (told === undefined) continue;
    const isWarning = reason === undefined;
    const own = new RegExp(`(partition |/)${partition}\\b`, 'gi');
    const texts = [told.message, told.remedy ?? ''].map((text) => text.replace(own, '$1'));
    const key = JSON.stringify([state, isWarning, told.code, ...texts]);
    const others = alike.get(key);
    if (others === undefined) alike.set(key, { partitions: [partition], state, isWarning, told });
    else others.partitions.push(partition);
  }
  return [...alike.values()];
}

/** `partition 3`, `partitions 0, 1 and 3`. */
export function partitionsText(partitions: readonly number[]): string {
  const last = partitions.at(-1);
  const before = partitions.slice(0, -1);
  return before.length === 0 ? `partition ${last}` : `partitions ${before.join(', ')} and ${last}`;
}
