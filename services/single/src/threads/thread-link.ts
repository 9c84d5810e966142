import type { MessagePort, Worker } from 'node:worker_threads';
import { errorText, MillraceError, type ErrorKind } from '@millrace/runtime';

/**
 * Calls between two threads, both ways, over one port. Only control goes here: data goes through
 * the log, which every thread reads for itself.
 */
export interface ThreadLink<Remote extends Callable<Remote>> {
  /** Rejects with the other side's error, or THREAD_ENDED when that side is gone. */
  call<K extends keyof Remote & string>(
    method: K,
    ...params: Parameters<Remote[K]>
  ): Promise<Answer<Remote[K]>>;
  /** Refuses what is under way and all later calls. */
  close(reason: Error): void;
}

/** What a call resolves with: a handler may be asynchronous or not. */
export type Answer<F> = F extends (...params: never[]) => infer R ? Awaited<R> : never;

/** What one side lets the other call: functions of at most one argument that can be cloned. */
export type Callable<T> = { [K in keyof T]: (params: never) => unknown };

type Message =
  | Readonly<{ call: number; method: string; params: unknown }>
  | Readonly<{ answer: number; value: unknown }>
  | Readonly<{ answer: number; error: SentError }>;

/** An error on its way to another thread: cloning alone would lose code, kind and remedy. */
export interface SentError {
  code: string;
  kind: ErrorKind;
  message: string;
  remedy?: string;
  stack?: string;
}

export function createThreadLink<Remote extends Callable<Remote>>(
  port: MessagePort | Worker,
  own: object,
): ThreadLink<Remote> {
  const handlers = own as Readonly<Record<string, (params: unknown) => unknown>>;
  const waiting = new Map<number, Readonly<{ resolve: (v: never) => void; reject: Reject }>>();
  let lastId = 0;
  let closed: Error | undefined;
  const perform = async (id: number, method: string, params: unknown): Promise<void> => {
    let answer: Message;
    try {
      const handler = handlers[method];
      if (handler === undefined) throw new Error(`nobody answers ${method}`);
      answer = { answer: id, value: await handler(params) };
    } catch (error) {
      answer = { answer: id, error: toSentError(error) };
    }
    port.postMessage(answer);
  };
  port.on('message', (message: Message) => {
    if ('call' in message) {
      void perform(message.call, message.method, message.params);
      return;
    }
    const caller = waiting.get(message.answer);
    waiting.delete(message.answer);
    if ('error' in message) caller?.reject(fromSentError(message.error));
    else caller?.resolve(message.value as never);
  });
  return {
    call: async (method, ...[params]) => {
      if (closed !== undefined) throw closed;
      return await new Promise((resolve, reject) => {
        lastId += 1;
        waiting.set(lastId, { resolve, reject });
        port.postMessage({ call: lastId, method, params } satisfies Message);
      });
    },
    close: (reason) => {
      closed ??= reason;
      for (const { reject } of waiting.values()) reject(reason);
      waiting.clear();
    },
  };
}

type Reject = (error: Error) => void;

export function toSentError(error: unknown): SentError {
  const stack = error instanceof Error ? error.stack : undefined;
  const isOurs = error instanceof MillraceError;
  return {
    code: isOurs ? error.code : 'DEFECT',
    kind: isOurs ? error.kind : 'defect',
    message: isOurs ? error.message : errorText(error),
    ...(isOurs && error.remedy !== undefined ? { remedy: error.remedy } : {}),
    ...(stack === undefined ? {} : { stack }),
  };
}

export function fromSentError(sent: SentError): MillraceError {
  const { stack, ...params } = sent;
  const error = new MillraceError(params);
  // Where it happened, and not where the message arrived.
  if (stack !== undefined) error.stack = stack;
  return error;
}
