import { nativeLayout } from '../postgres/layout/native-layout.ts';
import { createRepairerOn } from '../postgres/read/postgres-store-repairer.ts';
import type { StoreRepairer } from '../store-repairer.ts';
import { hypertableLayout } from './hypertable-layout.ts';

/** For any PostgreSQL whose schema `migrateTimescale` has made: it looks which layout that has. */
export function createTimescaleStoreRepairer(
  params: Omit<Parameters<typeof createRepairerOn>[0], 'layouts'>,
): StoreRepairer {
  return createRepairerOn({ ...params, layouts: [nativeLayout, hypertableLayout()] });
}
