import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '@millrace/runtime';
import { TOPICS } from '../stream.ts';
import { testStream } from '../testing/stream-contract.testsuite.ts';
import { openSegmentStream } from './segment-stream.ts';

testStream({
  name: 'segment',
  open: async (params) => {
    const directory = await mkdtemp(join(tmpdir(), 'millrace-stream-'));
    const openAgain = () =>
      openSegmentStream({
        ...params,
        directory,
        owns: TOPICS,
        log: silentLog,
      });
    let stream = await openAgain();
    return {
      stream,
      reopen: async () => {
        await stream.close();
        stream = await openAgain();
        return stream;
      },
      dispose: async () => {
        await stream.close();
        await rm(directory, { recursive: true });
      },
    };
  },
});
