import { readFile } from 'node:fs/promises';

/** The text of the package's README. */
export function readReadme(): Promise<string> {
  return readFile(new URL('../../../README.md', import.meta.url), 'utf8');
}

/** Every example of a query in it. */
export async function readmeExamples(): Promise<string[]> {
  const readme = await readReadme();
  return [...readme.matchAll(/^```sql\n(.*?)^```/gms)].map((match) => match[1]!);
}
