import { openControl } from '@millrace/control';
import { createReceiver, receiverSettings } from '@millrace/receiver';
import { compileRules } from '@millrace/rules';
import { createMeter, silentLog, systemClock } from '@millrace/runtime';
import type { Stream } from '@millrace/stream';
import { MemoryLog, openMemoryStream } from '@millrace/stream/memory';
import { DEFAULT_FOLD_SETTINGS } from '@millrace/wire';

/** A receiver on a free port, whose log in memory has begun with the built-in rule. */
export interface ServedRules {
  url: string;
  stream: Stream;
  stop(): Promise<void>;
}

export async function serveRules(partitions = 3): Promise<ServedRules> {
  const clock = systemClock;
  const stream = openMemoryStream(new MemoryLog({ partitions, clock }));
  await openControl(
    { stream, clock },
    {
      rules: compileRules(undefined),
      settings: DEFAULT_FOLD_SETTINGS,
      foldVersion: 1,
      source: '',
    },
  );
  const logIds = Array.from({ length: partitions }, () => undefined);
  const receiver = createReceiver(
    { stream, clock, log: silentLog, meter: createMeter(), logIds },
    receiverSettings({ port: 0 }),
  );
  const { host, port } = await receiver.listen();
  return {
    url: `http://${host}:${port}`,
    stream,
    stop: async () => {
      await receiver.stop();
      await stream.close();
    },
  };
}

/** What a command that is run in this process writes. */
export async function runCommand(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<{ code: number; out: string; err: string }> {
  const { runCli } = await import('../run-cli.ts');
  let out = '';
  let err = '';
  const code = await runCli({
    args,
    environment,
    stdout: { write: (text) => (out += text) },
    stderr: { write: (text) => (err += text) },
  });
  return { code, out, err };
}
