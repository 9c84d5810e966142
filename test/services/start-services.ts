import { readFile } from 'node:fs/promises';
import { startS3Server } from '@millrace/archive/s3/testing';
import {
  isMissing,
  type MissingService,
  type ProvidedService,
  type ProvidedServices,
} from '@millrace/runtime/testing';
import { startRedisServer } from '@millrace/state/redis/testing';
import { startTimescaleServer } from '@millrace/store/timescale/testing';
import { startKafkaBroker } from '@millrace/stream/kafka/testing';
import type { TestProject } from 'vitest/node';

/** A service as its starter gives it; one that is not ours to end has a `stop` that does nothing. */
interface StartedService {
  readonly url: string;
  stop(): Promise<void>;
}
type ServiceName = keyof ProvidedServices;
type Starter = () => Promise<StartedService | MissingService>;

/** One line a service. */
const STARTERS: Readonly<Record<ServiceName, Starter>> = {
  kafka: startKafkaBroker,
  redis: startRedisServer,
  timescale: startTimescaleServer,
  s3: startS3Server,
};

const NAMES = Object.keys(STARTERS) as ServiceName[];

/**
 * Runs once, before the first suite of the project `services` (vitest.config.ts): starts each real
 * service that a selected suite asks for, all at the same time, and ends them after the last one.
 *
 * A service is asked for where the text of a selected `*.services.test.ts` has `inject('redis')`,
 * so that one adapter's suites do not wait for the services of the others.
 */
export default async function startServices(project: TestProject): Promise<() => Promise<void>> {
  const wanted = await wantedServices(project);
  const stops: (() => Promise<void>)[] = [];
  await Promise.all(
    NAMES.map(async (name) => {
      const service = wanted.has(name) ? await start(name) : notAskedFor(name);
      if ('stop' in service) stops.push(() => service.stop());
      const provided: ProvidedService = 'url' in service ? { url: service.url } : service;
      project.provide(name, provided);
    }),
  );
  return async () => {
    await Promise.all(stops.map((stop) => stop()));
  };
}

async function wantedServices(project: TestProject): Promise<ReadonlySet<ServiceName>> {
  // While watching, other suites than the first ones may be run later.
  if (project.vitest.config.watch) return new Set(NAMES);
  const paths = project.vitest.state
    .getPaths()
    .filter((path) => path.endsWith('.services.test.ts'));
  const texts = await Promise.all(paths.map((path) => readFile(path, 'utf8')));
  return new Set(NAMES.filter((name) => texts.some((text) => text.includes(`inject('${name}')`))));
}

/** A starter that fails is as good as a service that cannot be had: its suites say so. */
async function start(
  name: ServiceName,
): Promise<StartedService | { readonly missing: MissingService }> {
  const startMs = performance.now();
  try {
    const service = await STARTERS[name]();
    if (isMissing(service)) return { missing: service };
    const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
    const place = service.url.replace(/:[^/@]*@/, '@');
    process.stderr.write(`Started ${name} at ${place} in ${seconds} s.\n`);
    return service;
  } catch (error) {
    return { missing: missing(name, error instanceof Error ? error.message : String(error)) };
  }
}

function notAskedFor(name: ServiceName): { readonly missing: MissingService } {
  return { missing: missing(name, `no selected suite itself says inject('${name}')`) };
}

function missing(name: ServiceName, why: string): MissingService {
  return { what: name, why, fix: 'npm test, and read what it says about this service' };
}
