import { MillraceError } from '@millrace/runtime';
import type {
  AcknowledgeBody,
  CheckpointsAnswer,
  EventsAnswer,
  RedriveBody,
  RulesAnswer,
  RulesChangeAnswer,
} from '@millrace/receiver';
import type { RuleProblem } from '@millrace/rules';
import { RuleFileError } from '@millrace/single/running';
import { dataDirOf, type CliContext } from './cli-context.ts';
import { findRunning } from './running-single.ts';

/** Which receiver is asked; all of one cluster know the same rules. */
export interface ReceiverFlags {
  url?: string;
  dataDir?: string;
}

/** A rule file as it is sent. */
export interface SentFile {
  file: string;
  source: string;
}

/** A dead letter as it is sent. */
export interface SentLetter {
  key: string;
  tenant: string;
  letter: RedriveBody;
}

/** Longer than the receiver waits for its log: what it says then is worth more than our patience. */
const ANSWER_MS_MAX = 75_000;

/**
 * The URL by flag, by MILLRACE_URL, or of the process that works on the data directory.
 * `otherwise` says what to do when none does.
 *
 * @throws MillraceError CONFIG_URL, NOT_RUNNING.
 */
export async function receiverUrl(
  context: CliContext,
  flags: ReceiverFlags,
  otherwise: string,
): Promise<string> {
  const isLocal = flags.url === undefined && flags.dataDir !== undefined;
  const given = isLocal ? undefined : (flags.url ?? context.environment['MILLRACE_URL']);
  if (given !== undefined && given !== '') return checkUrl(given);
  try {
    return (await findRunning(dataDirOf(context, flags.dataDir))).url;
  } catch (error) {
    if (!(error instanceof MillraceError) || error.code !== 'NOT_RUNNING') throw error;
    const { code, kind, message } = error;
    const remedy = `${otherwise} Of a cluster, name a receiver with --url or MILLRACE_URL.`;
    throw new MillraceError({ code, kind, message, remedy, cause: error });
  }
}

/** Version `version` of the rules; undefined: what is in force. */
export async function askRules(url: string, version?: string): Promise<RulesAnswer> {
  const query = version === undefined ? '' : `?version=${encodeURIComponent(version)}`;
  return (await ask(rulesUrl(url, query), {})) as RulesAnswer;
}

/** Applies a rule file, or only asks what that would change. @throws RuleFileError. */
export async function sendRules(
  url: string,
  sent: SentFile,
  { isPlan }: Readonly<{ isPlan: boolean }>,
): Promise<RulesChangeAnswer> {
  const request = {
    method: 'POST',
    headers: { 'content-type': 'application/yaml' },
    body: sent.source,
  };
  const answer = await ask(rulesUrl(url, isPlan ? '?plan=true' : ''), request, sent.file);
  return answer as RulesChangeAnswer;
}

/** Longer than the process gives itself. */
const CHECKPOINT_MS_MAX = 660_000;

/** Lets the one process make checkpoints of all its partitions. */
export async function askForCheckpoints(url: string): Promise<CheckpointsAnswer> {
  const target = new URL('api/v1/checkpoints', url.endsWith('/') ? url : `${url}/`);
  const request = {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{}',
    signal: AbortSignal.timeout(CHECKPOINT_MS_MAX),
  };
  return (await ask(target, request)) as CheckpointsAnswer;
}

/** Brings another fold version into force, or only asks what that would change. */
export async function sendFoldVersion(
  url: string,
  version: number,
  { isPlan }: Readonly<{ isPlan: boolean }>,
): Promise<RulesChangeAnswer> {
  const request = {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ version }),
  };
  const path = rulesUrl(url, `/fold-version${isPlan ? '?plan=true' : ''}`);
  return (await ask(path, request, 'fold version')) as RulesChangeAnswer;
}

/** Sends one dead letter of a tenant through the log again; the key tells it from others. */
export async function sendRedriven(
  url: string,
  { key, tenant, letter }: SentLetter,
): Promise<EventsAnswer> {
  const request = {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': key },
    body: JSON.stringify(letter),
  };
  const query = `?tenant=${encodeURIComponent(tenant)}`;
  const path = new URL(`api/v1/redrive${query}`, url.endsWith('/') ? url : `${url}/`);
  return (await ask(path, request)) as EventsAnswer;
}

/** Notes in the log that a person knows of its losses. */
export async function sendAcknowledged(url: string, body: AcknowledgeBody): Promise<void> {
  const request = {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  };
  const path = new URL('api/v1/ledger/acknowledge', url.endsWith('/') ? url : `${url}/`);
  await ask(path, request, 'losses');
}

function rulesUrl(url: string, query: string): URL {
  return new URL(`api/v1/rules${query}`, url.endsWith('/') ? url : `${url}/`);
}

/** @throws MillraceError CONFIG_URL. */
export function checkUrl(given: string): string {
  const isHttp = URL.canParse(given) && /^https?:$/.test(new URL(given).protocol);
  if (isHttp) return given;
  throw new MillraceError({
    code: 'CONFIG_URL',
    kind: 'permanent',
    message: `${JSON.stringify(given)} is not the URL of a receiver.`,
    remedy: 'Write it as http://127.0.0.1:9480.',
  });
}

/** Asks a receiver; `file` names what was sent to be changed. @throws MillraceError RECEIVER_…, RuleFileError. */
export async function ask(url: URL, request: RequestInit, file?: string): Promise<unknown> {
  let answer: Response;
  let text: string;
  try {
    answer = await fetch(url, { signal: AbortSignal.timeout(ANSWER_MS_MAX), ...request });
    text = await answer.text();
  } catch (error) {
    throw unanswered(url, error, file !== undefined);
  }
  const body = parsed(text);
  if (body === undefined) throw notMillrace(url, answer.status);
  if (answer.ok) return body;
  throw refused(url, answer.status, body, file);
}

/** The object that the text is as JSON. */
function parsed(text: string): Record<string, unknown> | undefined {
  try {
    const body: unknown = JSON.parse(text);
    return typeof body === 'object' && body !== null ? { ...body } : undefined;
  } catch {
    return undefined;
  }
}

/** A problem of the receiver's as the error it was there. */
function refused(
  url: URL,
  status: number,
  problem: Record<string, unknown>,
  file: string | undefined,
): MillraceError {
  const { code, title, detail, remedy, problems } = problem;
  if (typeof code !== 'string' || typeof detail !== 'string') return notMillrace(url, status);
  // Of another stage's process: that has no rules to tell.
  if (status === 404 && code === 'not_found') return notMillrace(url, status);
  if (file !== undefined && Array.isArray(problems)) {
    return new RuleFileError(file, problems as RuleProblem[]);
  }
  return new MillraceError({
    code: code.toUpperCase(),
    kind: status === 409 || status === 503 ? 'transient' : 'permanent',
    message: detail.endsWith('.') ? detail : `${String(title)}: ${detail}.`,
    ...(typeof remedy === 'string' ? { remedy } : {}),
  });
}

function unanswered(url: URL, error: unknown, isChange: boolean): MillraceError {
  const why = whyUnanswered(error);
  const outcome = isChange ? ' Whether anything was changed is not known.' : '';
  return new MillraceError({
    code: 'RECEIVER_UNANSWERED',
    kind: 'transient',
    message: `${url.href} does not answer (${why}).${outcome}`,
    remedy: isChange
      ? 'Look whether it runs, then do the same again: what is applied twice does no harm.'
      : 'Look whether it runs, and name another receiver with --url if there is one.',
    cause: error,
  });
}

/** What fetch throws says nothing; its cause does. */
export function whyUnanswered(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return cause instanceof Error ? cause.message || causeName(cause) : String(cause);
}

/** Several addresses that all refuse are told without a word. */
function causeName(error: Error & { code?: string }): string {
  return error.code ?? error.name;
}

function notMillrace(url: URL, status: number): MillraceError {
  return new MillraceError({
    code: 'RECEIVER_NOT_FOUND',
    kind: 'permanent',
    message: `${url.href} answers ${status}, and not as a receiver of this release does.`,
    remedy: 'Name the URL of a receiver with --url or MILLRACE_URL, as http://127.0.0.1:9480.',
  });
}
