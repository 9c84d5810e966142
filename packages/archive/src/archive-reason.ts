import { errorText, MillraceError, type ArchiveStatus } from '@millrace/runtime';

/** As a status tells it. */
export function reasonOf(error: unknown): NonNullable<ArchiveStatus['reason']> {
  if (!(error instanceof MillraceError)) return { code: 'UNKNOWN', message: errorText(error) };
  const { code, message, remedy } = error;
  return { code, message, ...(remedy === undefined ? {} : { remedy }) };
}
