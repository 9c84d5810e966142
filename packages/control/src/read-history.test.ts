import { compileRules } from '@millrace/rules';
import { systemClock } from '@millrace/runtime';
import { TOPIC_CONTROL, type Stream } from '@millrace/stream';
import { MemoryLog, openMemoryStream } from '@millrace/stream/memory';
import { DEFAULT_FOLD_SETTINGS } from '@millrace/wire';
import { describe, expect, it } from 'vitest';
import { applyRules } from './apply-rules.ts';
import { VERSIONS_MAX } from './check-frequency.ts';
import { openControl } from './open-control.ts';
import { HistoryReader } from './read-history.ts';

const clock = systemClock;
const wanted = (latenessUs: number) => ({
  rules: compileRules(undefined),
  settings: { ...DEFAULT_FOLD_SETTINGS, latenessUs },
  foldVersion: 1,
  source: '',
});

const newLog = (): MemoryLog => new MemoryLog({ partitions: 2, clock });

/** The same stream; `offsets` gets where its readers begin. */
function counting(stream: () => Stream, offsets: number[]): Stream {
  return {
    partitions: stream().partitions,
    producer: () => stream().producer(),
    reader: (topic, partition, offset) => {
      if (topic === TOPIC_CONTROL) offsets.push(offset);
      return stream().reader(topic, partition, offset);
    },
    bounds: (...where) => stream().bounds(...where),
    release: (...where) => stream().release(...where),
    close: () => stream().close(),
  };
}

describe('reading the history again', () => {
  it('reads what came since, whoever asks at the same time', async () => {
    const stream = openMemoryStream(newLog());
    const offsets: number[] = [];
    await openControl({ stream, clock }, wanted(1));
    const reader = new HistoryReader(counting(() => stream, offsets));
    expect((await reader.read()).versions).toHaveLength(1);
    await applyRules({ stream, clock }, wanted(2));
    const { end } = await stream.bounds(TOPIC_CONTROL, 0);
    const all = await Promise.all([reader.read(), reader.read(), reader.read()]);
    expect(all.map(({ versions }) => versions.length)).toEqual([2, 2, 2]);
    expect(all[0]!.position).toBe(end);
    // The first read, the one that goes on; and the first record each time it was asked again.
    expect(offsets).toEqual([0, 0, end - 1, 0, 0]);
  });

  it('is told of what comes, and waits no longer than it was told to', async () => {
    const stream = openMemoryStream(newLog());
    await openControl({ stream, clock }, wanted(1));
    const reader = new HistoryReader(stream);
    const { signal } = new AbortController();
    await reader.read();
    await reader.more(1, signal);
    let isTold = false;
    const told = reader.more(600_000, signal).then(() => (isTold = true));
    // Longer than one takes that does not wait.
    await reader.more(1, signal);
    expect(isTold).toBe(false);
    await applyRules({ stream, clock }, wanted(2));
    await told;
    expect((await reader.read()).versions).toHaveLength(2);
  });

  it('begins anew when the topic was made anew', async () => {
    let log = newLog();
    const reader = new HistoryReader(counting(() => openMemoryStream(log), []));
    await openControl({ stream: openMemoryStream(log), clock }, wanted(1));
    const before = await reader.read();
    for (const latenessUs of [5, 6, 7]) {
      log = newLog();
      const stream = openMemoryStream(log);
      await openControl({ stream, clock }, wanted(latenessUs));
      // Shorter than the one before, as long, or longer.
      for (let i = 0; i < latenessUs - 5; i += 1) {
        await applyRules({ stream, clock }, wanted(10 + i));
      }
      const { versions, logId } = await reader.read();
      expect(logId).not.toBe(before.logId);
      expect(versions[0]!.settings.latenessUs).toBe(latenessUs);
      expect(versions).toHaveLength(latenessUs - 4);
    }
  });

  it('can be asked again after it failed in the middle', async () => {
    const stream = openMemoryStream(newLog());
    await openControl({ stream, clock }, wanted(1));
    const reader = new HistoryReader(stream);
    await expect(reader.read(AbortSignal.abort(new Error('late')))).rejects.toThrow('late');
    expect((await reader.read()).versions).toHaveLength(1);
  });
});

describe('changing rules too often', () => {
  it('is refused before what is shown is ended in the middle, and allowed later', async () => {
    const stream = openMemoryStream(newLog());
    let nowUs = systemClock.nowUs();
    const parts = { stream, clock: { ...systemClock, nowUs: () => nowUs } };
    await openControl(parts, wanted(0));
    for (let i = 1; i < VERSIONS_MAX; i += 1) {
      nowUs += 60_000_000;
      await applyRules(parts, wanted(i));
    }
    const { end } = await stream.bounds(TOPIC_CONTROL, 0);
    const more = applyRules(parts, wanted(VERSIONS_MAX));
    await expect(more).rejects.toMatchObject({ code: 'RULES_TOO_OFTEN', kind: 'transient' });
    await expect(more).rejects.toMatchObject({ remedy: expect.stringContaining('in 11 min') });
    expect((await stream.bounds(TOPIC_CONTROL, 0)).end).toBe(end);
    // To tell again what is in force is no change.
    await applyRules(parts, wanted(VERSIONS_MAX - 1));
    nowUs += 11 * 60_000_000;
    const { plan } = await applyRules(parts, wanted(VERSIONS_MAX));
    expect(plan.isChanged).toBe(true);
  });
});
