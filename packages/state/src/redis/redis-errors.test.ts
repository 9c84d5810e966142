import { describe, expect, it } from 'vitest';
import { STATE_CODES, StateError } from '../state-error.ts';
import { redisError } from './redis-errors.ts';

const translate = (error: unknown): StateError =>
  redisError({ error, where: 'redis://db:6379, millrace:{p3}:state', doing: 'Committing' });
const system = (code: string): Error => Object.assign(new Error(`connect ${code}`), { code });

describe('redisError', () => {
  it.each([
    ['LOADING Redis is loading the dataset in memory', 'STATE_BUSY', 'transient'],
    ['BUSY Redis is busy running a script.', 'STATE_BUSY', 'transient'],
    ['CLUSTERDOWN The cluster is down', 'STATE_BUSY', 'transient'],
    ['MASTERDOWN Link with MASTER is down', 'STATE_BUSY', 'transient'],
    ['TRYAGAIN Multiple keys request during rehashing', 'STATE_BUSY', 'transient'],
    ['ERR max number of clients reached', 'STATE_BUSY', 'transient'],
    ["READONLY You can't write against a read only replica.", 'STATE_READ_ONLY', 'transient'],
    ['NOREPLICAS Not enough good replicas to write.', 'STATE_READ_ONLY', 'transient'],
    ["OOM command not allowed when used memory > 'maxmemory'.", 'STATE_FULL', 'transient'],
    ['MISCONF Errors writing to the AOF file', 'STATE_IO', 'transient'],
    ['NOAUTH Authentication required.', 'STATE_UNAUTHORIZED', 'transient'],
    ['WRONGPASS invalid username-password pair', 'STATE_UNAUTHORIZED', 'transient'],
    ['NOPERM User x has no permissions', 'STATE_UNAUTHORIZED', 'transient'],
    ['DENIED Redis is running in protected mode', 'STATE_UNAUTHORIZED', 'transient'],
    ['MOVED 3999 127.0.0.1:6381', 'STATE_BAD_SETTINGS', 'permanent'],
    ['ERR DB index is out of range', 'STATE_BAD_SETTINGS', 'permanent'],
    ['ERR Error compiling script (new function)', 'STATE_BAD_SETTINGS', 'permanent'],
    ['WRONGTYPE Operation against a key', 'STATE_CORRUPT', 'permanent'],
    ['ERR Protocol error: invalid bulk length', 'STATE_COMMIT_TOO_BIG', 'permanent'],
    ['ERR nobody has seen this', 'STATE_UNKNOWN_ERROR', 'transient'],
  ])('translates %s', (message, code, kind) => {
    const error = translate(new Error(message));
    expect(error).toBeInstanceOf(StateError);
    expect([error.code, error.kind]).toEqual([code, kind]);
    expect(error.message).toContain(`Committing the state in redis://db:6379`);
    expect(error.message).toContain(message);
    expect(error.remedy).toBeTruthy();
  });

  it.each(['ECONNREFUSED', 'ECONNRESET', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'EPIPE'])(
    'takes %s as a server that cannot be reached',
    (code) => {
      expect(translate(system(code)).code).toBe(STATE_CODES.unreachable);
    },
  );

  it.each(['Connection is closed.', "Stream isn't writeable and enableOfflineQueue options is"])(
    'takes "%s" as a server that went away',
    (message) => {
      expect(translate(new Error(message)).code).toBe(STATE_CODES.unreachable);
    },
  );

  it('says something when several addresses failed at once and have no message', () => {
    const both = Object.assign(new AggregateError([system('ECONNREFUSED')]), {
      code: 'ECONNREFUSED',
    });
    expect(translate(both).message).toContain('(ECONNREFUSED)');
  });

  it('does not keep the arguments of the command, which are megabytes', () => {
    const answer = Object.assign(new Error('OOM x'), { command: { name: 'evalsha', args: [] } });
    expect(translate(answer).cause).toBe(answer);
    expect(answer).not.toHaveProperty('command');
  });

  it('leaves errors of ours as they are', () => {
    const ours = translate(new Error('OOM x'));
    expect(translate(ours)).toBe(ours);
  });
});
