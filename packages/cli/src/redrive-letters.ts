import type { RedriveBody } from '@millrace/receiver';
import { errorKind, errorText, MillraceError } from '@millrace/runtime';
import { SAMPLE_ENTRIES, type DeadLetter } from '@millrace/store';
import type { SentLetter } from './receiver-client.ts';

/** What became of one letter. */
export interface RedrivenLetter {
  id: string;
  outcome: 'redriven' | 'refused' | 'not_possible' | 'not_sent';
  /** For `GET /api/v1/positions`. */
  token?: string;
  /** Why not. */
  why?: string;
}

export interface RedriveParts {
  /** Notes that these are about to be sent. */
  begin(ids: readonly string[]): Promise<void>;
  /** Resolves with the token once it is in the log. */
  send(sent: SentLetter): Promise<string>;
  mark(sent: readonly Readonly<{ id: string; token: string }>[]): Promise<unknown>;
  nowUs(): number;
  progress(done: number, of: number): void;
}

/** Letters that are on their way at a time, and are marked together. */
const CHUNK = 16;
/** A request is recognised for six hours; this leaves one for clocks. */
const RECOGNISED_US = 5 * 3_600_000_000;
const STALE_FLAG = 1;

/**
 * Sends letters through the log again, each under a key of its own, and marks those that are in it.
 * It may die anywhere and be repeated: the log knows what came before. Of letters that cannot be
 * sent the answer says why; when the receiver goes away, the rest is not sent.
 *
 * @throws StoreError when they cannot be marked: sending them again then counts nothing twice.
 */
export async function redriveLetters(
  parts: RedriveParts,
  letters: readonly DeadLetter[],
): Promise<RedrivenLetter[]> {
  const results: RedrivenLetter[] = [];
  const sendable: { letter: DeadLetter; body: RedriveBody }[] = [];
  for (const letter of letters) {
    const body = bodyOf(letter, parts.nowUs());
    if (typeof body === 'string') {
      results.push({ id: letter.id, outcome: 'not_possible', why: body });
    } else sendable.push({ letter, body });
  }
  let away: string | undefined;
  for (let from = 0; from < sendable.length; from += CHUNK) {
    const chunk = sendable.slice(from, from + CHUNK);
    if (away !== undefined) {
      const why = away;
      results.push(...chunk.map(({ letter }) => notSent(letter, why)));
      continue;
    }
    await parts.begin(chunk.map(({ letter }) => letter.id));
    const sent = await Promise.all(chunk.map((one) => sendOne(parts, one)));
    const done = sent.flatMap(({ id, token }) => (token === undefined ? [] : [{ id, token }]));
    if (done.length > 0) await parts.mark(done);
    results.push(...sent);
    away = sent.find(({ outcome }) => outcome === 'not_sent')?.why;
    parts.progress(Math.min(from + CHUNK, sendable.length), sendable.length);
  }
  return results;
}

async function sendOne(
  parts: RedriveParts,
  { letter, body }: Readonly<{ letter: DeadLetter; body: RedriveBody }>,
): Promise<RedrivenLetter> {
  try {
    const { logId, id, tenant } = letter;
    const token = await parts.send({ key: `redrive/${logId}/${id}`, tenant, letter: body });
    return { id, outcome: 'redriven', token };
  } catch (error) {
    if (errorKind(error) === 'defect') throw error;
    // What the receiver says of this letter; everything else it would say of the next one too.
    const isReceiver = !(error instanceof MillraceError) || error.code !== 'RECEIVER_NOT_FOUND';
    const isRefused = isReceiver && errorKind(error) === 'permanent';
    if (!isRefused) return notSent(letter, whyOf(error));
    return { id: letter.id, outcome: 'refused', why: whyOf(error) };
  }
}

function notSent({ id }: DeadLetter, why: string): RedrivenLetter {
  return { id, outcome: 'not_sent', why };
}

function whyOf(error: unknown): string {
  if (!(error instanceof MillraceError)) return errorText(error);
  return `${error.code}: ${error.message}${error.remedy === undefined ? '' : ` ${error.remedy}`}`;
}

/** What is sent of a letter, or why nothing can be. */
function bodyOf(letter: DeadLetter, nowUs: number): RedriveBody | string {
  const { entry, metric, labels, kind, timeUs, value, redriveStartedAtUs } = letter;
  if (!SAMPLE_ENTRIES.includes(entry)) return WHY_NOT[entry] ?? `a ${entry} is no sample`;
  if (metric === null || labels === null || kind === null) return 'its series is not defined';
  if (timeUs === null || !Number.isFinite(timeUs)) return 'it has no time that can be stored';
  const wasSentLongAgo = redriveStartedAtUs !== null && nowUs - redriveStartedAtUs > RECOGNISED_US;
  if (kind === 'event' && wasSentLongAgo) {
    return (
      'it was sent before, so long ago that the log would not recognise it: look whether it is ' +
      'stored, then drop it'
    );
  }
  const { flags, histogram } = payloadOf(letter);
  const isStale = (flags & STALE_FLAG) !== 0;
  if (entry === 'histogram' && histogram === undefined) return 'its bytes are not there';
  return {
    labels: { __name__: metric, ...labels },
    kind,
    timeUs,
    value: valueText(isStale ? NaN : (value ?? 0)),
    ...(isStale ? { stale: true } : {}),
    ...(histogram === undefined ? {} : { histogram }),
  };
}

const WHY_NOT: Readonly<Record<string, string>> = {
  definition: 'series are defined again daily, by themselves',
  metadata: 'metadata comes again with the samples of its metric',
  window: 'a window is computed from samples, and does not come out of one',
  'open window': 'a window is computed from samples, and does not come out of one',
};

function payloadOf({ payload }: DeadLetter): { flags: number; histogram: string | undefined } {
  const fields: { flags?: unknown; histogram?: unknown } =
    typeof payload === 'object' && payload !== null ? payload : {};
  const { flags, histogram } = fields;
  return {
    flags: typeof flags === 'number' ? flags : 0,
    histogram: typeof histogram === 'string' ? histogram : undefined,
  };
}

function valueText(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}
