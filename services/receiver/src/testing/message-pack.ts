/** MessagePack of the few shapes that tests send: short texts, doubles, small maps and arrays. */
export function messagePack(value: unknown): Buffer {
  if (typeof value === 'string') {
    const text = Buffer.from(value);
    return Buffer.concat([Buffer.from([0xd9, text.length]), text]);
  }
  if (typeof value === 'number') {
    const double = Buffer.alloc(9, 0xcb);
    double.writeDoubleBE(value, 1);
    return double;
  }
  if (Array.isArray(value)) {
    return Buffer.concat([Buffer.from([0x90 + value.length]), ...value.map(messagePack)]);
  }
  const entries = Object.entries(value as object).flat();
  return Buffer.concat([Buffer.from([0x80 + entries.length / 2]), ...entries.map(messagePack)]);
}
