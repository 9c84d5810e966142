import { randomUUID } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { noProgress, progressPath, writeProgress } from '@millrace/backfill';
import { MillraceError, systemClock } from '@millrace/runtime';
import { afterEach, expect, it } from 'vitest';
import { scanned, type ScannedFile } from './backfill-files.ts';
import type { BackfillFlags } from './backfill-flags.ts';
import type { BackfillShow } from './backfill-show.ts';
import type { ReceiverTarget } from './http-target.ts';

const path = join(tmpdir(), `millrace-${randomUUID()}.csv`);
const noted = progressPath(path, undefined);
const show: BackfillShow = {
  reading: () => undefined,
  sent: () => undefined,
  waiting: () => undefined,
  end: () => undefined,
};
const flags: BackfillFlags = { metric: 'm', label: [], delimiter: ',', atOnce: 1000 };

afterEach(async () => {
  for (const one of [path, noted]) await rm(one, { force: true });
});

async function scan(): Promise<ScannedFile> {
  const { signal } = new AbortController();
  const times = { kept: [], countBeforeUs: [] };
  return await scanned({ clock: systemClock, signal, show, times }, path, flags);
}

function targetOf(stored: ReceiverTarget['stored']): ReceiverTarget {
  const send = () => Promise.reject(new Error('nothing is to be sent'));
  return { send, stored, ledger: () => Promise.resolve(undefined) };
}

it('knows a file that was sent only in the log that it was sent to', async () => {
  await writeFile(path, 'time,value\n1795953600,1\n');
  const { digest } = (await scan()).scan;
  const finished = { ...noProgress(digest, 'then'), finishedAt: 'later', tokens: ['of one'] };
  await writeProgress(noted, finished);
  const { send } = await scan();
  expect(
    await send(
      targetOf(() => Promise.resolve(true)),
      show,
    ),
  ).toEqual(finished);
  const how = { kind: 'permanent', message: 'It is of another log.' } as const;
  const other = targetOf(() =>
    Promise.reject(new MillraceError({ code: 'INVALID_TOKEN', ...how })),
  );
  await expect(send(other, show)).rejects.toMatchObject({ code: 'BACKFILL_OTHER_LOG' });
});
