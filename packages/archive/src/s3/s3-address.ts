import { archiveAddress } from '../archive-errors.ts';

/** Where the objects of an archive lie. */
export interface S3Address {
  bucket: string;
  /** Empty, or with its `/` at the end. */
  prefix: string;
  /** Without a path: requests name the bucket in theirs. Undefined: AWS, by region. */
  endpoint: string | undefined;
}

/** @throws MillraceError ARCHIVE_ADDRESS. */
export function parseS3Address(url: URL): S3Address {
  const bucket = url.host;
  if (bucket === '') throw archiveAddress('names no bucket');
  if (url.username !== '' || url.password !== '') {
    throw archiveAddress('must not hold keys: they have settings of their own');
  }
  const unknown = [...url.searchParams.keys()].find((name) => name !== 'endpoint');
  if (unknown !== undefined) throw archiveAddress(`has an unknown parameter, ${unknown}`);
  const path = decoded(url.pathname).replace(/^\/+|\/+$/g, '');
  const prefix = path === '' ? '' : `${path}/`;
  return { bucket, prefix, endpoint: endpointOf(url.searchParams.get('endpoint')) };
}

function decoded(pathname: string): string {
  let path: string;
  try {
    path = decodeURIComponent(pathname);
  } catch {
    throw archiveAddress('has a prefix with a % that is none of %20 and the like');
  }
  // They would lead out of the prefix, and out of the bucket.
  if (path.split('/').some((part) => part === '.' || part === '..')) {
    throw archiveAddress('has a prefix with . or .. in it');
  }
  return path;
}

function endpointOf(text: string | null): string | undefined {
  if (text === null) return undefined;
  let endpoint: URL;
  try {
    endpoint = new URL(text);
  } catch {
    throw archiveAddress('has an endpoint that is no URL');
  }
  if (endpoint.username !== '' || endpoint.password !== '') {
    throw archiveAddress('must not hold keys: they have settings of their own');
  }
  const isPlain = /^https?:$/.test(endpoint.protocol) && endpoint.pathname === '/';
  if (isPlain) return endpoint.origin;
  throw archiveAddress(`has an endpoint, ${text}, that is not like https://host:9000`);
}
