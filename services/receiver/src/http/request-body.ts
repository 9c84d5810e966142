import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { MillraceError } from '@millrace/runtime';
import { DecodeError } from '@millrace/wire';
import type { Lease } from '../intake/in-flight-bytes.ts';
import { OverloadError } from '../overload-error.ts';
import { encodingOf, type HttpRequest } from './http-exchange.ts';

export interface BodyBounds {
  /** As it comes over the wire. */
  requestBytesMax: number;
  /** Without its encoding. */
  decodedBytesMax: number;
}

/**
 * Collects a body while it comes in, without trusting what its headers say of its length; gzip is
 * undone on the way, so that a bomb never unfolds. All bytes kept are held by the lease. What
 * comes behind a failure is for `discardRest`.
 *
 * @throws DecodeError `body_too_large`, `body_bomb`, `malformed_gzip`; OverloadError when the
 *   lease cannot hold it; REQUEST_ABORTED when the sender is gone.
 */
export async function readBody(
  params: Readonly<{
    body: Readable;
    encoding: 'identity' | 'gzip';
    bounds: BodyBounds;
    lease: Lease;
  }>,
): Promise<Buffer> {
  const reading = new BodyReading(params.bounds, params.lease);
  try {
    await reading.read(params.body, params.encoding);
    return reading.take();
  } catch (error) {
    params.lease.release();
    throw error;
  }
}

/** How a push is encoded: not at all, or with gzip. */
export function bodyEncoding(request: HttpRequest): 'identity' | 'gzip' {
  const encoding = encodingOf(request);
  if (encoding === 'identity') return 'identity';
  if (encoding === 'gzip' || encoding === 'x-gzip') return 'gzip';
  const shown = JSON.stringify(encoding.slice(0, 100));
  throw new DecodeError('unsupported_encoding', `the content encoding is ${shown}`);
}

const NO_BYTES = Buffer.alloc(0);
const SMALL_CHUNK_BYTES = 4096;
const GATHERED_BYTES_MIN = 256;
const GATHERED_BYTES_MAX = 64 * 1024;

class BodyReading {
  readonly #bounds: BodyBounds;
  readonly #lease: Lease;
  #chunks: Buffer[] = [];
  /** Small chunks, one behind the other, and how much of it is filled. */
  #gathered: Buffer = NO_BYTES;
  #gatheredBytes = 0;
  #wireBytes = 0;
  #bytes = 0;
  #failed = false;
  #onFailure: (failure: Error) => void = () => undefined;

  constructor(bounds: BodyBounds, lease: Lease) {
    this.#bounds = bounds;
    this.#lease = lease;
  }

  /** Resolves when all is there, and with nothing: see `take`. */
  async read(body: Readable, encoding: 'identity' | 'gzip'): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const gunzip = encoding === 'gzip' ? createGunzip() : undefined;
      const end = (): void => {
        body.off('data', take);
        body.off('close', abort);
        gunzip?.destroy();
      };
      const finish = (): void => {
        end();
        resolve();
      };
      this.#onFailure = (failure) => {
        end();
        body.resume();
        reject(failure);
      };
      const take = (chunk: Buffer): void => {
        this.#wireBytes += chunk.length;
        if (this.#wireBytes > this.#bounds.requestBytesMax) {
          const { requestBytesMax } = this.#bounds;
          this.#refuse('body_too_large', `the body has more than ${requestBytesMax} bytes`);
        } else if (gunzip === undefined) {
          this.#keep(chunk);
        } else if (!gunzip.write(chunk)) {
          body.pause();
        }
      };
      const abort = (cause?: Error): void => {
        if (!body.readableEnded) this.#fail(aborted(cause));
      };
      gunzip?.on('data', (chunk: Buffer) => this.#keep(chunk));
      gunzip?.on('drain', () => body.resume());
      gunzip?.on('end', finish);
      gunzip?.on('error', (error) => this.#refuse('malformed_gzip', error.message, error));
      body.on('data', take);
      body.on('end', () => {
        if (gunzip === undefined) finish();
        else gunzip.end();
      });
      body.on('close', abort);
      body.on('error', abort);
    });
  }

  #keep(chunk: Buffer): void {
    if (this.#failed) return;
    this.#bytes += chunk.length;
    if (this.#bytes > this.#bounds.decodedBytesMax) {
      const { decodedBytesMax } = this.#bounds;
      const detail = `the body has more than ${decodedBytesMax} bytes once decompressed`;
      this.#refuse('body_bomb', detail);
    } else if (this.#lease.take(chunk.length)) {
      if (chunk.length < SMALL_CHUNK_BYTES) this.#gather(chunk);
      else {
        this.#settleGathered();
        this.#chunks.push(chunk);
      }
    } else {
      this.#fail(new OverloadError('in_flight_bytes', 'too many bytes are under way'));
    }
  }

  /** Kept as they come, chunks of a byte would take a hundred times what the lease holds. */
  #gather(chunk: Buffer): void {
    if (this.#gatheredBytes + chunk.length > GATHERED_BYTES_MAX) this.#settleGathered();
    const needed = this.#gatheredBytes + chunk.length;
    if (needed > this.#gathered.length) {
      const bytes = Math.min(GATHERED_BYTES_MAX, Math.max(2 * needed, GATHERED_BYTES_MIN));
      const larger = Buffer.allocUnsafeSlow(bytes);
      this.#gathered.copy(larger, 0, 0, this.#gatheredBytes);
      this.#gathered = larger;
    }
    chunk.copy(this.#gathered, this.#gatheredBytes);
    this.#gatheredBytes = needed;
  }

  #settleGathered(): void {
    if (this.#gatheredBytes === 0) return;
    this.#chunks.push(this.#gathered.subarray(0, this.#gatheredBytes));
    this.#gathered = NO_BYTES;
    this.#gatheredBytes = 0;
  }

  #refuse(reason: DecodeError['reason'], detail: string, cause?: unknown): void {
    this.#fail(new DecodeError(reason, detail, cause));
  }

  #fail(failure: Error): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#chunks = [];
    this.#gathered = NO_BYTES;
    this.#onFailure(failure);
  }

  /**
   * What was read, which is not held any more: the listeners hold this reading, its promises, and
   * what those are resolved with for as long as the request is not answered.
   */
  take(): Buffer {
    this.#settleGathered();
    const chunks = this.#chunks;
    this.#chunks = [];
    return chunks.length <= 1 ? (chunks[0] ?? NO_BYTES) : Buffer.concat(chunks, this.#bytes);
  }
}

/**
 * Reads and drops what is left of a body that nobody wants. A sender that is busy sending does
 * not look for an answer, and one whose connection is cut sends the same again. False when more
 * than `bytesMax` came: then the connection has to be closed.
 */
export async function discardRest(body: IncomingMessage, bytesMax: number): Promise<boolean> {
  if (body.complete) return true;
  if (body.destroyed) return false;
  return await new Promise((resolve) => {
    let bytes = 0;
    const end = (whole: boolean): void => {
      body.off('data', count);
      resolve(whole);
    };
    const count = (chunk: Buffer): void => {
      bytes += chunk.length;
      if (bytes > bytesMax) end(false);
    };
    body.on('data', count);
    body.once('end', () => end(true));
    body.once('close', () => end(false));
    body.resume();
  });
}

function aborted(cause?: unknown): MillraceError {
  return new MillraceError({
    code: 'REQUEST_ABORTED',
    kind: 'aborted',
    message: 'The sender closed the connection before the body was complete; nothing was kept.',
    cause,
  });
}
