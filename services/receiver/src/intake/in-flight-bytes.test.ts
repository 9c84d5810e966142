import { expect, it } from 'vitest';
import { InFlightBytes } from './in-flight-bytes.ts';

it('lets no second request in beyond the bound', () => {
  const inFlight = new InFlightBytes(100);
  const a = inFlight.lease();
  const b = inFlight.lease();
  expect(a.take(60)).toBe(true);
  expect(b.take(40)).toBe(true);
  expect(b.take(1)).toBe(false);
  expect(inFlight.bytes).toBe(100);
  a.release();
  expect(b.take(1)).toBe(true);
  expect(inFlight.bytes).toBe(41);
});

it('lets a request that is alone grow, or it could never be sent', () => {
  const inFlight = new InFlightBytes(100);
  const a = inFlight.lease();
  expect([a.take(90), a.take(90)]).toEqual([true, true]);
  const b = inFlight.lease();
  expect(b.take(1)).toBe(false);
  a.release();
  expect(b.take(500)).toBe(true);
});

it('counts what is set, whatever fits, and nothing twice when released', () => {
  const inFlight = new InFlightBytes(100);
  const a = inFlight.lease();
  a.take(10);
  a.set(300);
  expect(inFlight.bytes).toBe(300);
  a.release();
  a.release();
  expect(inFlight.bytes).toBe(0);
  const b = inFlight.lease();
  expect(b.take(100)).toBe(true);
});
