import type { HttpRequest } from './http-exchange.ts';
import { RequestError } from './problem.ts';

/** Of the name of a tenant, in UTF-8. */
const TENANT_BYTES_MAX = 256;

/** Whose samples these are; undefined: the sender's own. Without authentication anybody may say so. */
export function namedTenant(request: HttpRequest): string | undefined {
  const tenant = request.query().get('tenant');
  if (tenant === null) return undefined;
  const bytes = Buffer.byteLength(tenant);
  if (bytes > 0 && bytes <= TENANT_BYTES_MAX) return tenant;
  throw new RequestError({
    status: 400,
    code: 'invalid_tenant',
    title: 'The name of the tenant cannot be used',
    detail: `the parameter tenant has ${bytes} bytes; a name has 1 to ${TENANT_BYTES_MAX}`,
    remedy: 'Name the tenant that the samples are of, or leave it out for your own.',
  });
}
