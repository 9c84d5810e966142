import type { CandidateAnswer, CandidatesAnswer, JobsAnswer } from '@millrace/receiver';
import { ask, type SentFile } from '../receiver-client.ts';

const PATH = 'api/v1/candidates';
const JSON_TYPE = { 'content-type': 'application/json' };

/** The rules in force, and what is folded beside them. */
export async function askCandidates(url: string): Promise<CandidatesAnswer> {
  return (await ask(target(url), {})) as CandidatesAnswer;
}

/** Begins to fold a rule file beside the rules in force, and its past. @throws RuleFileError. */
export async function sendCandidate(
  url: string,
  sent: SentFile,
  {
    sinceUs,
    samplesPerSecond,
  }: Readonly<{ sinceUs: number; samplesPerSecond?: number | undefined }>,
): Promise<CandidateAnswer> {
  const headers = { 'content-type': 'application/yaml' };
  const request = { method: 'POST', headers, body: sent.source };
  const rate = samplesPerSecond === undefined ? '' : `&samples_per_second=${samplesPerSecond}`;
  const where = target(url, `?since_us=${sinceUs}${rate}`);
  return (await ask(where, request, sent.file)) as CandidateAnswer;
}

/** To promote, the store has to be asked first whether it would show the rules. */
export async function sendChange(
  url: string,
  number: number,
  what: 'promote' | 'drop',
): Promise<CandidateAnswer> {
  const body = what === 'promote' ? '{"rehearsed": true}' : '{}';
  const request = { method: 'POST', headers: JSON_TYPE, body };
  return (await ask(target(url, `/${number}/${what}`), request, what)) as CandidateAnswer;
}

/** Says how jobs are to go on. */
export async function sendJobsOrder(
  url: string,
  number: number,
  order: Partial<JobsAnswer>,
): Promise<JobsAnswer> {
  const request = { method: 'POST', headers: JSON_TYPE, body: JSON.stringify(order) };
  return (await ask(target(url, `/${number}/jobs`), request, 'jobs')) as JobsAnswer;
}

function target(url: string, rest = ''): URL {
  return new URL(`${PATH}${rest}`, url.endsWith('/') ? url : `${url}/`);
}
