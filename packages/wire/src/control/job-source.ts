const PREFIX = 'job-';

/** Who puts out what a candidate's jobs fold: the source of their records and marks. */
export function jobSource(candidate: number): string {
  return `${PREFIX}${candidate}`;
}

export function isJobSource(source: string): boolean {
  return source.startsWith(PREFIX);
}
