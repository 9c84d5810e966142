import type { ApplyResult } from '../store.ts';
import type { StoreHarness } from './store-contents.ts';

/** What `apply` answers when nothing out of the ordinary happened. */
export const APPLIED: ApplyResult = { outcome: 'applied', deadLetters: 0, unverifiedDuplicates: 0 };
export const OUTRUN: ApplyResult = { ...APPLIED, outcome: 'outrun' };

/** A store that is open, and the harness it was opened by, while a test runs. */
export type Subject = () => {
  harness: StoreHarness;
  store: ReturnType<StoreHarness['open']>;
};
