import { readFileSync } from 'node:fs';

/** The release, as its manifest names it; the same beside `src` and beside `dist`. */
export const version: string = (
  JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  }
).version;
