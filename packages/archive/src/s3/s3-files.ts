import { AwsClient } from 'aws4fetch';
import { archiveAddress, archiveUnreachable } from '../archive-errors.ts';
import type { ArchiveAccess } from '../archive-access.ts';
import type { ArchiveFiles, ListedFile } from '../archive-files.ts';
import { sha256Of } from '../digest.ts';
import { parseS3Address, type S3Address } from './s3-address.ts';
import { parseListing, refusalOf, type ListedPage } from './s3-answers.ts';

/** Files of an archive are a fraction of it; whatever is larger is none. */
const FILE_BYTES_MAX = 1024 * 1024 * 1024;
/** A request that takes longer is given up, and made again by whoever wants it. */
const REQUEST_MS_MAX = 120_000;
const HTTP_IS_THERE = 412;
const HTTP_NO_CONDITIONS = 501;

/**
 * An archive in a bucket of AWS or of anything that speaks its protocol.
 *
 * @throws MillraceError ARCHIVE_ADDRESS.
 */
export function openS3Files(
  url: URL,
  access: ArchiveAccess,
  settings: Readonly<{
    /** Files of one page of a listing; servers have a bound of their own. */
    pageFilesMax: number;
  }> = { pageFilesMax: 1000 },
): ArchiveFiles {
  const { accessKeyId, secretAccessKey, sessionToken, region } = access;
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    throw archiveAddress(
      'is one of S3, and MILLRACE_ARCHIVE__ACCESS_KEY_ID or …__SECRET_ACCESS_KEY is not set',
    );
  }
  const client = new AwsClient({
    ...{ accessKeyId, secretAccessKey, region, service: 's3', retries: 0 },
    ...(sessionToken === undefined ? {} : { sessionToken }),
  });
  return new S3Files(client, parseS3Address(url), { region, ...settings });
}

interface Asked {
  method: 'GET' | 'PUT';
  /** Of the object; empty: the bucket itself. */
  key: string;
  query?: Readonly<Record<string, string>>;
  body?: Uint8Array;
  headers?: Readonly<Record<string, string>>;
  signal: AbortSignal | undefined;
}

class S3Files implements ArchiveFiles {
  readonly where: string;
  readonly place: string;
  readonly #client: AwsClient;
  readonly #address: S3Address;
  readonly #origin: string;
  readonly #pageFilesMax: number;

  constructor(
    client: AwsClient,
    address: S3Address,
    { region, pageFilesMax }: Readonly<{ region: string; pageFilesMax: number }>,
  ) {
    const { bucket, prefix, endpoint } = address;
    this.#pageFilesMax = pageFilesMax;
    this.#client = client;
    this.#address = address;
    this.where = `s3://${bucket}/${prefix}`;
    this.place = `${endpoint ?? region} ${this.where}`;
    this.#origin =
      endpoint === undefined
        ? `https://${bucket}.s3.${region}.amazonaws.com`
        : `${endpoint}/${encodeURIComponent(bucket)}`;
  }

  async put(name: string, bytes: Uint8Array, signal?: AbortSignal): Promise<void> {
    const key = this.#address.prefix + name;
    const answer = await this.#ask({ method: 'PUT', key, body: bytes, signal });
    if (!answer.ok) throw refusalOf(this.where, answer.status, await this.#text(answer));
    // Read to its end, so that the connection can be used again.
    await this.#text(answer);
  }

  async create(name: string, bytes: Uint8Array, signal?: AbortSignal): Promise<void> {
    const key = this.#address.prefix + name;
    const headers = { 'if-none-match': '*' };
    const answer = await this.#ask({ method: 'PUT', key, body: bytes, headers, signal });
    const text = await this.#text(answer);
    if (answer.ok || answer.status === HTTP_IS_THERE) return;
    if (answer.status !== HTTP_NO_CONDITIONS) throw refusalOf(this.where, answer.status, text);
    // It knows no conditions.
    if ((await this.get(name, signal)) === undefined) await this.put(name, bytes, signal);
  }

  async get(name: string, signal?: AbortSignal): Promise<Uint8Array | undefined> {
    const answer = await this.#ask({ method: 'GET', key: this.#address.prefix + name, signal });
    if (answer.ok) {
      const bytes = Number(answer.headers.get('content-length') ?? 0);
      if (bytes <= FILE_BYTES_MAX)
        return new Uint8Array(await this.#reading(() => answer.arrayBuffer()));
      await answer.body?.cancel();
      throw archiveUnreachable(this.where, `${name} has ${bytes} bytes`);
    }
    const text = await this.#text(answer);
    // A bucket, or a user, may be what is not found.
    const isMissing = answer.status === 404 && (text === '' || text.includes('NoSuchKey'));
    if (isMissing) return undefined;
    throw refusalOf(this.where, answer.status, text);
  }

  async *list(params: Parameters<ArchiveFiles['list']>[0]): AsyncGenerator<ListedFile> {
    const { prefix } = this.#address;
    const { after, signal } = params;
    const query = {
      prefix: prefix + params.prefix,
      ...(after === undefined ? {} : { 'start-after': prefix + after }),
    };
    for await (const { files } of this.#pages(query, signal)) {
      for (const { name, bytes } of files) yield { name: name.slice(prefix.length), bytes };
    }
  }

  async folders(folder: string, signal?: AbortSignal): Promise<string[]> {
    const prefix = this.#address.prefix + folder;
    const found: string[] = [];
    for await (const { folders } of this.#pages({ prefix, delimiter: '/' }, signal)) {
      found.push(...folders.map((name) => name.slice(prefix.length, -1)));
    }
    return found;
  }

  /** A request puts a whole file there or nothing: there are no parts, and no names for a while. */
  async removeUnfinished(): Promise<number> {
    return await Promise.resolve(0);
  }

  async *#pages(
    wanted: Readonly<Record<string, string>>,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<ListedPage> {
    for (let token: string | undefined; ;) {
      const more = token === undefined ? {} : { 'continuation-token': token };
      const query = { 'list-type': '2', 'max-keys': `${this.#pageFilesMax}`, ...wanted, ...more };
      const answer = await this.#ask({ method: 'GET', key: '', query, signal });
      const text = await this.#text(answer);
      if (!answer.ok) throw refusalOf(this.where, answer.status, text);
      const page = this.#parse(text);
      yield page;
      if (page.next === undefined) return;
      token = page.next;
    }
  }

  #parse(text: string): ListedPage {
    try {
      return parseListing(text);
    } catch (error) {
      throw archiveUnreachable(this.where, (error as Error).message, error);
    }
  }

  async #ask({ method, key, query = {}, body, headers, signal }: Asked): Promise<Response> {
    const path = key.split('/').map(encodeURIComponent).join('/');
    const search = new URLSearchParams(query).toString();
    const url = `${this.#origin}/${path}${search === '' ? '' : `?${search}`}`;
    const limit = AbortSignal.timeout(REQUEST_MS_MAX);
    return await this.#reading(async () => {
      const signed = await this.#client.sign(url, {
        method,
        ...(body === undefined ? {} : { body: body as Uint8Array<ArrayBuffer> }),
        // By it the other side notices what the way did to the bytes.
        headers: {
          ...headers,
          ...(body === undefined ? {} : { 'x-amz-content-sha256': sha256Of(body) }),
        },
      });
      return await fetch(signed, {
        signal: signal === undefined ? limit : AbortSignal.any([signal, limit]),
      });
    }, signal);
  }

  async #text(answer: Response): Promise<string> {
    return await this.#reading(() => answer.text());
  }

  async #reading<T>(read: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    try {
      return await read();
    } catch (error) {
      signal?.throwIfAborted();
      throw archiveUnreachable(this.where, whyOf(error), error);
    }
  }
}

/** `fetch failed` says nothing: what was behind it does. */
function whyOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  if (!(cause instanceof Error)) return error.message;
  const [first] = cause instanceof AggregateError ? (cause.errors as Error[]) : [cause];
  return first?.message ?? error.message;
}
