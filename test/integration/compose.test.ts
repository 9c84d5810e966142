import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findDebianProgram, reportMissing } from '@millrace/runtime/testing';
import { describe, expect, test } from 'vitest';
import { DOCKER_COMPOSE } from '../services/known-programs.ts';
import { repositoryRoot } from '../services/repository.ts';

/** The parts of `docker-compose config` that are looked at. */
interface ComposeConfig {
  services: Record<string, ComposeService>;
}

interface ComposeService {
  image: string;
  command?: string[] | null;
  environment?: Record<string, string>;
  ports?: { host_ip?: string; published?: string }[];
  healthcheck?: { test?: string[]; disable?: boolean };
  depends_on?: Record<string, { condition: string }>;
  init?: boolean;
  mem_limit?: string;
  stop_grace_period?: string;
}

const found = await findDebianProgram(DOCKER_COMPOSE);
const isMissing = typeof found !== 'string';
if (isMissing) reportMissing(found);

function read(environment: Record<string, string> = {}): ComposeConfig {
  const args = ['--env-file', '/dev/null', 'config', '--format', 'json'];
  const env = { PATH: process.env['PATH'], HOME: '/nonexistent', ...environment };
  return JSON.parse(
    execFileSync(found as string, args, { cwd: repositoryRoot, env, encoding: 'utf8' }),
  ) as ComposeConfig;
}

const OURS = ['setup', 'receiver', 'transformer', 'writer'];

describe.skipIf(isMissing)('docker-compose.yml', () => {
  test('has every service, each with a pinned tag, limits and an init', () => {
    const { services } = read();
    expect(Object.keys(services).sort()).toEqual(['kafka', 'redis', 'timescale', ...OURS].sort());
    for (const [name, service] of Object.entries(services)) {
      expect(service.image, name).toMatch(/^[^:]+:\d+\.\d+\.\d+(-\w+)?$/);
      expect(service.init, name).toBe(true);
      expect(Number(service.mem_limit), name).toBeGreaterThan(0);
      expect(service.stop_grace_period, name).toBeDefined();
    }
  });

  test('publishes on loopback only, and nothing that would stop scaling', () => {
    const { services } = read({ MILLRACE_PORT: '19480' });
    const ports = Object.values(services).flatMap((service) => service.ports ?? []);
    expect(new Set(ports.map(({ host_ip }) => host_ip))).toEqual(new Set(['127.0.0.1']));
    expect(services['receiver']?.ports?.[0]?.published).toBe('19480');
    for (const name of ['transformer', 'writer']) expect(services[name]?.ports).toBeUndefined();
  });

  test('starts what is needed first, and waits until it is healthy', () => {
    const { services } = read();
    for (const name of ['kafka', 'redis', 'timescale']) {
      expect(services[name]?.healthcheck?.test?.length, name).toBeGreaterThan(0);
      expect(services['setup']?.depends_on?.[name]?.condition).toBe('service_healthy');
    }
    for (const name of OURS.slice(1)) {
      const { condition } = services[name]?.depends_on?.['setup'] ?? {};
      expect(condition, name).toBe('service_completed_successfully');
    }
  });

  test('tells every process of ours where Kafka, Redis and the database are', () => {
    const { services } = read({ POSTGRES_PASSWORD: 'other' });
    for (const name of OURS) {
      expect(services[name]?.environment, name).toMatchObject({
        KAFKA_BROKERS: 'kafka:9092',
        REDIS_URL: 'redis://redis:6379',
        DATABASE_URL: 'postgres://millrace:other@timescale:5432/millrace',
      });
    }
    expect(services['timescale']?.environment?.['POSTGRES_PASSWORD']).toBe('other');
  });

  test('.env.example names the variables that the file reads, and no others', () => {
    const names = (path: string, form: RegExp): string[] =>
      [...readFileSync(join(repositoryRoot, path), 'utf8').matchAll(form)].map(([, name]) => name!);
    const read = new Set(names('docker-compose.yml', /\$\{(\w+)/g));
    expect(new Set(names('.env.example', /^(\w+)=/gm))).toEqual(read);
  });
});
