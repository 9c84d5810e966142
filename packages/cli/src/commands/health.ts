import type { Command } from 'commander';
import { MillraceError } from '@millrace/runtime';
import type { CliContext } from '../cli-context.ts';
import { checkUrl, whyUnanswered } from '../receiver-client.ts';

const DEFAULT_PORT = 9480;
const ANSWER_MS_MAX = 2000;

/** For container platforms: whether a process lives, by its own word and without its data. */
export function addHealthCommand(program: Command, context: CliContext): void {
  program
    .command('health')
    .description('ask a process whether it lives; exits with 1 when it does not')
    .option('--url <url>', 'where it listens (http://127.0.0.1:$PORT, or port 9480)')
    .option('--ready', 'ask whether it can do its work: what it waits for counts too')
    .option('--json', 'print what went wrong as JSON, too, as what it answers is')
    .action(async ({ url, ready }: { url?: string; ready?: boolean }) => {
      const { environment, output } = context;
      const base = checkUrl(url ?? urlOf(environment));
      output.result(await ask(new URL(ready === true ? '/readyz' : '/healthz', base)));
    });
}

/** Where the process that has this environment listens. An empty variable counts as absent. */
function urlOf(environment: CliContext['environment']): string {
  const first = (...names: string[]): string | undefined =>
    names.map((name) => environment[name]).find((text) => text !== undefined && text !== '');
  const port = first('MILLRACE_HTTP__PORT', 'PORT') ?? DEFAULT_PORT;
  return first('MILLRACE_URL') ?? `http://127.0.0.1:${port}`;
}

async function ask(url: URL): Promise<string> {
  let answer: Response;
  let text: string;
  try {
    answer = await fetch(url, { signal: AbortSignal.timeout(ANSWER_MS_MAX) });
    text = await answer.text();
  } catch (error) {
    throw unhealthy(`${url.href} does not answer (${whyUnanswered(error)})`, error);
  }
  if (!answer.ok) throw unhealthy(`${url.href} answers ${answer.status}: ${text.trim()}`);
  return text.trim();
}

function unhealthy(what: string, cause?: unknown): MillraceError {
  return new MillraceError({
    code: 'UNHEALTHY',
    kind: 'transient',
    message: `${what}. What the log holds is safe, whatever the process does.`,
    remedy: 'Look at its log lines; name another process with --url.',
    cause,
  });
}
