/** As JSON for people and programs; numbers that JSON lacks as their names. */
export function jsonText(value: unknown): string {
  return JSON.stringify(
    value,
    (_key, one: unknown) => {
      return typeof one === 'number' && !Number.isFinite(one) ? String(one) : one;
    },
    2,
  );
}
