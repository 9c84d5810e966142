import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeStatePlaces } from '../testing/places-contract.ts';
import { openLmdbStatePlaces } from './lmdb-state-places.ts';

describeStatePlaces('LMDB', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-places-'));
  return {
    open: () => openLmdbStatePlaces({ directory: join(directory, 'jobs') }),
    dispose: () => rm(directory, { recursive: true }),
  };
});
