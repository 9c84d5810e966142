import { decode, encode, ExtData } from '@msgpack/msgpack';

/** What a place of a structure may hold that no writer puts there. */
const LIES: readonly unknown[] = [
  0,
  -1,
  0.5,
  1e308,
  NaN,
  Infinity,
  -Infinity,
  2 ** 20,
  2 ** 24,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 40,
  2 ** 53,
  '',
  'x',
  '__proto__',
  null,
  true,
  [],
  [[]],
  {},
  new Uint8Array(0),
  new Uint8Array(7),
  new Uint8Array(5000),
];

/**
 * The same structure with one of its values replaced, or left out: what a mutation of bytes hardly
 * ever makes, because it breaks the structure. Byte strings that hold a structure are entered.
 * Bytes that are no MessagePack stay as they are.
 */
export function warpMsgpack(bytes: Uint8Array, place: number, lie: number): Uint8Array {
  let whole: unknown;
  try {
    whole = decode(bytes, { maxArrayLength: 10_000, maxMapLength: 10_000 });
  } catch {
    return bytes;
  }
  const places: Place[] = [];
  collect(whole, places, 0);
  const chosen = places[place % Math.max(1, places.length)];
  if (chosen === undefined) return bytes;
  chosen(lie % (LIES.length + 1));
  return Uint8Array.from(encode(whole));
}

/** Puts a lie there; the one behind the last takes the value away. */
type Place = (lie: number) => void;

const DEPTH_MAX = 8;
const PLACES_MAX = 5000;

function collect(value: unknown, places: Place[], depth: number): void {
  if (depth > DEPTH_MAX || typeof value !== 'object' || value === null) return;
  // What bytes happen to decode to one is not of ours, and with another length cannot be encoded.
  if (ArrayBuffer.isView(value) || value instanceof ExtData) return;
  const members = value as Record<string, unknown>;
  for (const key of Object.keys(members)) {
    if (places.length >= PLACES_MAX) return;
    places.push((lie) => {
      if (lie < LIES.length) members[key] = LIES[lie];
      else if (Array.isArray(value)) value.splice(Number(key), 1);
      else delete members[key];
    });
    const member = members[key];
    if (member instanceof Uint8Array) collectWithin(members, key, member, places, depth);
    else collect(member, places, depth + 1);
  }
}

function collectWithin(
  members: Record<string, unknown>,
  key: string,
  member: Uint8Array,
  places: Place[],
  depth: number,
): void {
  let inner: unknown;
  try {
    inner = decode(member, { maxArrayLength: 10_000, maxMapLength: 10_000 });
  } catch {
    return;
  }
  const within: Place[] = [];
  collect(inner, within, depth + 1);
  for (const place of within) {
    places.push((lie) => {
      place(lie);
      members[key] = encode(inner);
    });
  }
}
