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
  /** An edition is not in the store, or not yet: transient. */
  editionUnknown: 'EDITION_UNKNOWN',
  /** The past of a candidate is not folded to its end: transient. */
  jobsNotEnded: 'JOBS_NOT_ENDED',
  /** The past of a candidate was not folded to its end, and will not be: permanent. */
  jobsClosed: 'JOBS_CLOSED',
  /** Windows of an edition are not whole from so early a time on: permanent. */
  editionNotCovered: 'EDITION_NOT_COVERED',
  /** Rules that came into force later are shown instead: permanent. */
  editionOvertaken: 'EDITION_OVERTAKEN',
  /** Rows of an edition were deleted: permanent. */
  editionDropped: 'EDITION_DROPPED',
  /** An edition is what is shown of its rule: permanent; transient where that ends by itself. */
  editionServed: 'EDITION_SERVED',
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
