import { describe, expect, it } from 'vitest';
import { StoreError } from '../../store-error.ts';
import {
  isConnectionFault,
  isMissingPartition,
  isRowFault,
  rowFaultDetail,
  translateError,
} from './postgres-errors.ts';

const errorOf = (code: string | undefined, message = 'said so', more: object = {}): Error =>
  Object.assign(new Error(message), code === undefined ? {} : { code }, more);

describe('errors of PostgreSQL', () => {
  it.each([
    ['08006', 'STORE_UNREACHABLE'],
    ['57P01', 'STORE_UNREACHABLE'],
    ['57P03', 'STORE_UNREACHABLE'],
    ['ECONNREFUSED', 'STORE_UNREACHABLE'],
    // Seven and five capital letters: only the first kind is a socket's.
    ['EPIPE', 'STORE_UNREACHABLE'],
    ['57014', 'STORE_BUSY'],
    ['40P01', 'STORE_BUSY'],
    ['40001', 'STORE_BUSY'],
    ['53100', 'STORE_BUSY'],
    ['55P03', 'STORE_BUSY'],
    ['58030', 'STORE_BUSY'],
    ['25006', 'STORE_BUSY'],
    ['42P01', 'STORE_SCHEMA'],
    ['28P01', 'STORE_SCHEMA'],
    ['3D000', 'STORE_SCHEMA'],
    // A hypertable that is none.
    ['TS001', 'STORE_SCHEMA'],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'STORE_UNREACHABLE'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'STORE_UNREACHABLE'],
    ['XX000', 'STORE_UNKNOWN_ERROR'],
    ['54001', 'STORE_UNKNOWN_ERROR'],
    [undefined, 'STORE_UNKNOWN_ERROR'],
  ])('%s is transient as %s', (code, expected) => {
    const cause = errorOf(code);
    const error = translateError(cause, 'It waits');
    expect(error).toMatchObject({ code: expected, kind: 'transient', cause });
    expect(error.message).toMatch(/^It waits: .*said so\. Nothing is lost/);
    expect(isRowFault(cause)).toBe(false);
  });

  it.each(['22P02', '22021', '23502', '23505', '23514', '44000', '54000', 'P0001'])(
    '%s is a fault of a row, and a defect when it gets out',
    (code) => {
      expect(isRowFault(errorOf(code))).toBe(true);
      expect(translateError(errorOf(code), 'It waits')).toMatchObject({
        code: 'STORE_REFUSED',
        kind: 'defect',
      });
    },
  );

  it('knows a missing partition from a constraint that somebody made', () => {
    const missing = errorOf('23514', 'no partition', { routine: 'ExecFindPartition' });
    expect([isMissingPartition(missing), isRowFault(missing)]).toEqual([true, false]);
    const refused = errorOf('23514', 'no', { routine: 'ExecConstraints', constraint: 'sane' });
    expect([isMissingPartition(refused), isRowFault(refused)]).toEqual([false, true]);
    expect(rowFaultDetail(refused)).toBe('23514: no (sane)');
    expect(translateError(missing, 'It waits').code).toBe('STORE_BUSY');
  });

  it.each([
    'Connection terminated unexpectedly',
    'Client has encountered a connection error and is not queryable',
    'timeout exceeded when trying to connect',
    'Query read timeout',
  ])('knows by "%s" that nobody is there', (message) => {
    expect(translateError(errorOf(undefined, message), 'It waits').code).toBe('STORE_UNREACHABLE');
    expect(isConnectionFault(errorOf(undefined, message))).toBe(true);
  });

  it('passes errors of ours unchanged', () => {
    const ours = new StoreError({ code: 'STORE_CLOSED', kind: 'aborted', message: 'Closed.' });
    expect(translateError(ours, 'It waits')).toBe(ours);
  });
});
