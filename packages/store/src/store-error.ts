import { MillraceError, type ErrorKind } from '@millrace/runtime';

/** Codes of the store's port; each message tells what it means for the data. */
export const StoreErrorCode = {
  /** The database cannot be reached or went away: transient, nothing is known of the outcome. */
  unreachable: 'STORE_UNREACHABLE',
  /** The database refuses to work now (disk, memory, connections, shutdown): transient. */
  busy: 'STORE_BUSY',
  /** The database answered with an error that this program does not know: transient, loud. */
  unknown: 'STORE_UNKNOWN_ERROR',
  /** The schema or the role's rights are not what the program needs: transient, mend and wait. */
  schema: 'STORE_SCHEMA',
  /** A migration was changed after it was applied, or the schema is newer: permanent. */
  migration: 'STORE_MIGRATION',
  /** The big tables lie on disk in another way than asked for: permanent. */
  layout: 'STORE_LAYOUT',
  /** The URL of the database cannot be used: permanent. */
  url: 'STORE_URL',
  /** The mark belongs to another log: permanent. */
  otherLog: 'STORE_OTHER_LOG',
  /** A row was refused although refused rows are isolated: a defect. */
  refused: 'STORE_REFUSED',
  /** The store was closed: aborted. */
  closed: 'STORE_CLOSED',
  /** A person's query failed: permanent. */
  query: 'STORE_QUERY',
} as const;
export type StoreErrorCode = (typeof StoreErrorCode)[keyof typeof StoreErrorCode];

export class StoreError extends MillraceError {
  constructor(
    params: Readonly<{
      code: StoreErrorCode;
      kind: ErrorKind;
      message: string;
      remedy?: string;
      cause?: unknown;
    }>,
  ) {
    super(params);
    this.name = 'StoreError';
  }
}
