/** Where in the events log an entry was decided: the record's offset, then its turn there. */
export type Address = Readonly<{ offset: number; ordinal: number }>;

export const ADDRESS_ZERO: Address = { offset: 0, ordinal: 0 };

export function compareAddress(a: Address, b: Address): number {
  return a.offset - b.offset || a.ordinal - b.ordinal;
}

export function formatAddress(address: Address): string {
  return `${address.offset}.${address.ordinal}`;
}
