import type {} from 'vitest';
import type { MissingService } from './missing-service.ts';

/** A real service that was started for the whole run of the suites, or why there is none. */
export type ProvidedService = { readonly url: string } | { readonly missing: MissingService };

/** What the project `services` of vitest.config.ts starts before its first suite. */
export interface ProvidedServices {
  /** `host:port` of each broker, separated by commas. */
  readonly kafka: ProvidedService;
  readonly redis: ProvidedService;
  readonly timescale: ProvidedService;
  /** With its keys: `http://key:secret@host:port`. */
  readonly s3: ProvidedService;
}

declare module 'vitest' {
  /** So that a suite can say `inject('redis')`. */
  interface ProvidedContext extends ProvidedServices {}
}
