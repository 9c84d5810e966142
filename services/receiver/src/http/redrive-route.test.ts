import { SampleFlag, SampleKind } from '@millrace/model';
import { IdentityKind, REDRIVE_PROTOCOL } from '@millrace/wire';
import { describe, expect, it } from 'vitest';
import { beginRules } from '../testing/begin-rules.ts';
import type { StartedReceiver } from '../testing/start-receiver.ts';
import { useReceivers } from '../testing/use-receivers.ts';

const start = useReceivers();
const PATH = '/api/v1/redrive';
const HEADERS = { 'content-type': 'application/json', 'idempotency-key': 'redrive/ab/1' };
const LETTER = {
  labels: { __name__: 'up', job: 'a' },
  kind: 'gauge',
  timeUs: 1_700_000_000_000_001,
  value: '-0',
};

async function started(foldVersion = 2): Promise<StartedReceiver> {
  const one = await start({ partitions: 1 });
  await beginRules(one.stream, 'rules: []', foldVersion);
  return one;
}

describe('POST /api/v1/redrive', () => {
  it('brings a dead letter into the log, marked as one, under its key', async () => {
    const { post, records, samples } = await started();
    const answer = await post(PATH, JSON.stringify(LETTER), HEADERS);
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({
      accepted: 1,
      identity: 'key',
      token: expect.any(String),
    });
    const histogram = { ...LETTER, histogram: '0102', value: '7' };
    const stale = { ...LETTER, stale: true, value: 'NaN', kind: 'event' };
    for (const letter of [histogram, stale]) {
      expect((await post(PATH, JSON.stringify(letter), HEADERS)).status).toBe(200);
    }
    const found = await records();
    expect(found).toMatchObject([
      { protocol: REDRIVE_PROTOCOL, identityKind: IdentityKind.key, histograms: [] },
      { protocol: REDRIVE_PROTOCOL, histograms: [Uint8Array.of(1, 2)] },
      { protocol: REDRIVE_PROTOCOL },
    ]);
    expect(found[0]!.identity).toEqual(found[2]!.identity);
    const { labels, timeUs } = LETTER;
    expect(await samples()).toMatchObject([
      { labels, timeUs, kind: SampleKind.gauge, value: -0, flags: 0 },
      { labels, timeUs, kind: SampleKind.gauge, value: 7, flags: SampleFlag.histogram },
      { labels, timeUs, kind: SampleKind.event, value: NaN, flags: SampleFlag.stale },
    ]);
  });

  it('takes those of other tenants, each into its own series', async () => {
    const { post, records } = await started();
    for (const path of [
      PATH,
      `${PATH}?tenant=acme`,
      `${PATH}?tenant=b%20c`,
      `${PATH}?tenant=acme`,
    ]) {
      expect((await post(path, JSON.stringify(LETTER), HEADERS)).status).toBe(200);
    }
    const found = await records();
    expect(found.map(({ tenant }) => tenant)).toEqual(['default', 'acme', 'b c', 'acme']);
    const distinct = (texts: string[]): number => new Set(texts).size;
    const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
    expect(distinct(found.map(({ fingerprints }) => hex(fingerprints)))).toBe(3);
    expect(distinct(found.map(({ identity }) => hex(identity)))).toBe(3);
    for (const tenant of ['', 'x'.repeat(257)]) {
      const answer = await post(`${PATH}?tenant=${tenant}`, JSON.stringify(LETTER), HEADERS);
      expect(answer.status).toBe(400);
      expect(await answer.json()).toMatchObject({ code: 'invalid_tenant' });
    }
  });

  it('refuses what is no dead letter, and one that nobody could recognise', async () => {
    const { post, records } = await started();
    const bad: unknown[] = [
      [],
      7,
      {},
      { ...LETTER, kind: 'rate' },
      { ...LETTER, kind: 'toString' },
      { ...LETTER, timeUs: '5' },
      { ...LETTER, value: 5 },
      { ...LETTER, value: '0x10' },
      { ...LETTER, stale: 1 },
      { ...LETTER, histogram: 'f' },
      { ...LETTER, labels: ['a'] },
      { ...LETTER, labels: { __name__: 3 } },
    ];
    for (const body of bad) {
      const answer = await post(PATH, JSON.stringify(body), HEADERS);
      expect([body, answer.status]).toEqual([body, 400]);
      expect(await answer.json()).toMatchObject({ code: 'malformed_json' });
    }
    const nameless = { ...LETTER, labels: { job: 'a' } };
    const refused = await post(PATH, JSON.stringify(nameless), HEADERS);
    expect(refused.status).toBe(422);
    expect(await refused.json()).toMatchObject({ code: 'missing_name' });
    const { 'content-type': type } = HEADERS;
    const keyless = await post(PATH, JSON.stringify(LETTER), { 'content-type': type });
    expect(keyless.status).toBe(400);
    expect(await keyless.json()).toMatchObject({ code: 'invalid_identity' });
    expect((await post(PATH, JSON.stringify(LETTER), {})).status).toBe(415);
    expect(await records()).toEqual([]);
  });

  it('refuses while the log is folded in a way that would call it a duplicate', async () => {
    const { post, records } = await started(1);
    const answer = await post(PATH, JSON.stringify(LETTER), HEADERS);
    expect(answer.status).toBe(409);
    expect(await answer.json()).toMatchObject({
      code: 'redrive_fold_version',
      remedy: expect.stringContaining('millrace rules upgrade'),
    });
    expect(await records()).toEqual([]);
  });

  it('says what is missing before there are any rules', async () => {
    const { post } = await start({ partitions: 1 });
    const answer = await post(PATH, JSON.stringify(LETTER), HEADERS);
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({ code: 'control_not_begun' });
  });
});
