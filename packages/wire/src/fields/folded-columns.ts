/*
 * Columns that are folded on the wire because nearly all records have the same: a reader gets a
 * view of one that was made before, which nobody may write to.
 */

let ascending: Uint32Array = new Uint32Array(0);
let zeros: Uint8Array = new Uint8Array(0);

/** 0, 1, 2, … `count` numbers. Shared: read only. */
export function ascendingFromZero(count: number): Uint32Array {
  if (count > KEPT_MAX) return Uint32Array.from({ length: count }, (_, i) => i);
  if (count > ascending.length) {
    ascending = Uint32Array.from({ length: 2 * count }, (_, i) => i);
  }
  return ascending.subarray(0, count);
}

/** As many zeros. Shared: read only. */
export function onlyZeros(count: number): Uint8Array {
  if (count > KEPT_MAX) return new Uint8Array(count);
  if (count > zeros.length) zeros = new Uint8Array(2 * count);
  return zeros.subarray(0, count);
}

/** More than a record of 900 KB has of anything in practice. */
const KEPT_MAX = 131_072;

export function isAscendingFromZero(column: Uint32Array): boolean {
  for (let i = 0; i < column.length; i += 1) if (column[i] !== i) return false;
  return true;
}

/** Whether there are several values, and all of them the same. */
export function isConstant(column: Uint8Array | Float64Array): boolean {
  const first = column[0];
  for (let i = 1; i < column.length; i += 1) if (column[i] !== first) return false;
  return column.length > 1;
}

export function isZero(column: Uint8Array): boolean {
  for (let i = 0; i < column.length; i += 1) if (column[i] !== 0) return false;
  return true;
}
