import { compareBytes } from '@millrace/model';

/** JSON whose objects have their keys sorted, so that equal values are equal texts. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => {
    if (typeof part !== 'object' || part === null || Array.isArray(part)) return part;
    return Object.fromEntries(Object.entries(part).sort((a, b) => compareBytes(a[0], b[0])));
  });
}
