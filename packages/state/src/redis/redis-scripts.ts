import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Command, type Redis } from 'ioredis';

/** A script of `packages/state/lua`, and the name under which a server remembers it. */
export interface RedisScript {
  readonly text: string;
  readonly sha: string;
}

export const COMMIT_SCRIPT: RedisScript = readScript('commit.lua');
export const DISCARD_SCRIPT: RedisScript = readScript('discard.lua');
export const READ_HEADER_SCRIPT: RedisScript = readScript('read-header.lua');

/**
 * Runs a script on one key. A server that does not remember it (a new one, or after SCRIPT FLUSH)
 * has done nothing yet, and gets the whole text.
 */
export async function runScript(
  client: Redis,
  script: RedisScript,
  params: Readonly<{ key: string; args?: readonly (string | Buffer)[] }>,
): Promise<unknown> {
  const { key, args = [] } = params;
  try {
    return await send(client, 'evalsha', [script.sha, '1', key, ...args]);
  } catch (error) {
    if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
  }
  return await send(client, 'eval', [script.text, '1', key, ...args]);
}

/** Not by the client's methods: they spread their arguments, of which here may be too many. */
async function send(client: Redis, name: string, args: (string | Buffer)[]): Promise<unknown> {
  return await client.sendCommand(new Command(name, args, { replyEncoding: 'utf8' }));
}

function readScript(name: string): RedisScript {
  const text = readFileSync(new URL(`../../lua/${name}`, import.meta.url), 'utf8');
  return { text, sha: createHash('sha1').update(text).digest('hex') };
}
