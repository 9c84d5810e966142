import { MillraceError } from '@millrace/runtime';

/** Of a command that needs the store. */
export function storeUrlMissing(): MillraceError {
  return new MillraceError({
    code: 'CONFIG_STORE_URL',
    kind: 'permanent',
    message: 'There is no store to look at: DATABASE_URL is not set. Nothing was read.',
    remedy: 'Set DATABASE_URL to the URL that the writer has.',
  });
}
