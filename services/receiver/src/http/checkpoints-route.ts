import type { CheckpointOutcome } from '@millrace/checkpoint';
import { jsonAnswer, mediaTypeOf, type HttpRequest, type HttpRoute } from './http-exchange.ts';
import { RequestError } from './problem.ts';

/** What `POST /api/v1/checkpoints` answers. */
export interface CheckpointsAnswer {
  partitions: CheckpointOutcome[];
}

/** As for rules: no page of another origin can send it without asking first. */
const TYPE = 'application/json';

/** `POST /api/v1/checkpoints`, of a process whose state nobody else can read. */
export function checkpointsRoute(makeCheckpoints: () => Promise<CheckpointOutcome[]>): HttpRoute {
  return {
    method: 'POST',
    path: '/api/v1/checkpoints',
    handle: async (request) => {
      checkType(request);
      const answer: CheckpointsAnswer = { partitions: await makeCheckpoints() };
      return jsonAnswer(200, answer);
    },
  };
}

function checkType(request: HttpRequest): void {
  const { type } = mediaTypeOf(request);
  if (type === TYPE) return;
  throw new RequestError({
    status: 415,
    code: 'unsupported_media_type',
    title: 'Checkpoints cannot be asked for like this',
    detail: `the content type is ${JSON.stringify(type.slice(0, 100))}`,
    remedy: `Send it with Content-Type: ${TYPE}, or use "millrace checkpoint now".`,
  });
}
