import { expect, test } from 'vitest';
import {
  decodeFrameHeader,
  decodeSegmentHeader,
  encodeFrame,
  encodeSegmentHeader,
  frameBytes,
  FrameKind,
  isPayloadSound,
  parseSegmentFileName,
  segmentFileName,
} from './segment-format.ts';

/** Files on disks have this layout: these bytes may never change, only new versions be added. */
const HEADER = '4d494c4c525345470100000078563412d20a1feb8ca9040000000000';
const FRAME =
  '69655bf19d3caa4a030000004000000078563412ff7f010040f2bd9c104406000102030000000000' +
  'ffffffffffffffff';

test('a segment header is the bytes of version 1', () => {
  const bytes = encodeSegmentHeader({ salt: 0x12345678, base: 0x4a98ceb1f0ad2 });
  expect(bytes.toString('hex').slice(0, 56)).toBe(HEADER);
  expect(decodeSegmentHeader(bytes)).toEqual({ salt: 0x12345678, base: 0x4a98ceb1f0ad2 });
  expect(decodeSegmentHeader(bytes.subarray(0, 31))).toBe('short');
  for (let i = 0; i < bytes.length; i += 1) {
    const damaged = Buffer.from(bytes);
    damaged[i]! ^= 1;
    expect(decodeSegmentHeader(damaged)).toBe('damaged');
  }
});

test('a frame is the bytes of version 1', () => {
  const frame = {
    kind: FrameKind.record,
    offset: 0x0000_7fff_1234_5678,
    appendTimeUs: 1_763_688_000_123_456,
    group: 64,
    payload: Uint8Array.of(1, 2, 3),
    salt: 0x9abcdef0,
  };
  const target = Buffer.alloc(48, 0xff);
  expect(encodeFrame(target, 0, frame)).toBe(40);
  expect(target.toString('hex')).toBe(FRAME);
  const header = decodeFrameHeader(target, 0, { position: 64, salt: frame.salt });
  expect(header).toMatchObject({
    kind: frame.kind,
    offset: frame.offset,
    appendTimeUs: frame.appendTimeUs,
    group: 64,
    payloadBytes: 3,
  });
  expect(isPayloadSound(target, 0, { header: header!, salt: frame.salt })).toBe(true);
  expect(isPayloadSound(target, 0, { header: header!, salt: 1 })).toBe(false);
  expect(decodeFrameHeader(target, 0, { position: 64, salt: 1 })).toBeUndefined();
  // A frame cannot begin before its group does.
  expect(decodeFrameHeader(target, 0, { position: 56, salt: frame.salt })).toBeUndefined();
});

test('frames end at multiples of 8', () => {
  expect([0, 1, 8, 9, 15].map((bytes) => frameBytes(bytes))).toEqual([32, 40, 40, 48, 48]);
});

test('file names sort as their offsets do', () => {
  const bases = [0, 9, 10, 123_456_789_012, 2 ** 44];
  const names = bases.map((base) => segmentFileName(base));
  expect(names.toSorted()).toEqual(names);
  expect(names.map((name) => parseSegmentFileName(name))).toEqual(bases);
  expect(parseSegmentFileName(`${names[0]}.tmp`)).toBeUndefined();
  expect(parseSegmentFileName('log.json')).toBeUndefined();
});
