import { PassThrough } from 'node:stream';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { InFlightBytes } from '../intake/in-flight-bytes.ts';
import { readBody } from './request-body.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const MIB = 1024 * 1024;
const bounds = { requestBytesMax: 8 * MIB, decodedBytesMax: 8 * MIB };

/** Writes chunks of these sizes, counting the bytes up; resolves with what was read. */
async function read(sizes: readonly number[]): Promise<Buffer> {
  const body = new PassThrough();
  const lease = new InFlightBytes(8 * MIB).lease();
  const reading = readBody({ body, encoding: 'identity', bounds, lease });
  let byte = 0;
  for (const size of sizes) {
    body.write(Buffer.from(Array.from({ length: size }, () => (byte = (byte + 1) % 251))));
    await new Promise((resolve) => setImmediate(resolve));
  }
  body.end();
  return await reading;
}

describe('a body', () => {
  it('comes out as it came in, whatever the sizes of its chunks', async () => {
    const sizes = [1, 3, 5000, 1, 4095, 4096, 70_000, 2, 60_000, 1, 1];
    const whole = await read(sizes);
    expect(whole.length).toBe(sizes.reduce((sum, size) => sum + size, 0));
    expect(whole.every((value, i) => value === (i + 1) % 251)).toBe(true);
    expect(await read([])).toHaveLength(0);
    expect(await read([1, 1, 1])).toEqual(Buffer.from([1, 2, 3]));
  });

  it('of chunks of one byte takes no more memory than its bytes', async () => {
    const body = new PassThrough({ highWaterMark: 1 });
    const lease = new InFlightBytes(8 * MIB).lease();
    const reading = readBody({ body, encoding: 'identity', bounds, lease });
    const count = 1_000_000;
    const before = process.memoryUsage();
    for (let i = 0; i < count; i += 1) {
      body.emit('data', Buffer.from('x'));
    }
    const after = process.memoryUsage();
    const grown = after.heapUsed - before.heapUsed + after.external - before.external;
    body.end();
    expect(await reading).toHaveLength(count);
    // As a million buffers they would take over 80 MB; short-lived ones may not be collected yet.
    expect(grown).toBeLessThan(40 * MIB);
  });

  it('is held by nobody but who asked for it, however long the request is there', async () => {
    const body = new PassThrough();
    const lease = new InFlightBytes(8 * MIB).lease();
    body.end(Buffer.alloc(100_000));
    const held = await readBody({ body, encoding: 'identity', bounds, lease }).then(
      (read) => new WeakRef(read.buffer),
    );
    await new Promise((resolve) => setImmediate(resolve));
    collectGarbage();
    expect(held.deref()).toBeUndefined();
    expect(body.listenerCount('end')).toBeGreaterThan(0);
  });
});
