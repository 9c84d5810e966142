import { describe, expect, test } from 'vitest';
import { findWeakness, firstConfigs } from './topic-configs.ts';

describe('whether what is acknowledged can be lost with one machine', () => {
  test.each([1, 2, 3])('not as we make the topics, with %i copies', (replicas) => {
    const configs = { 'flush.messages': `${2n ** 63n - 1n}`, ...firstConfigs(replicas) };
    expect(findWeakness(configs, replicas)).toBeUndefined();
  });

  test('as Kafka makes them: yes', () => {
    const configs = { 'min.insync.replicas': '1', 'flush.messages': `${2n ** 63n - 1n}` };
    expect(findWeakness(configs, 3)).toContain('min.insync.replicas=1');
    expect(findWeakness(configs, 1)).toContain('flush.messages=9223372036854775807');
  });
});
