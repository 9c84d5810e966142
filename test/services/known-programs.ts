import type { DebianProgram } from '@millrace/runtime/testing';

export const PROMETHEUS: DebianProgram = {
  package: 'prometheus',
  program: 'prometheus',
  probe: ['--version'],
  answer: /^prometheus, version 3\./m,
};

/** A peer for the bench. Its `--version` says nothing in Debian's build. */
export const VICTORIA_METRICS: DebianProgram = {
  package: 'victoria-metrics',
  program: 'victoria-metrics',
  probe: ['--help'],
  answer: /^victoria-metrics is a time series database/m,
};

/** Another: aggregates what passes through it. Releases of before streamAggr are passed over. */
export const VMAGENT: DebianProgram = {
  package: 'victoria-metrics',
  program: 'vmagent',
  probe: ['--help'],
  answer: /^vmagent collects metrics[^]*-remoteWrite\.streamAggr\.config/m,
};

/** Reads a compose file as Docker would; needs no Docker to be running. */
export const DOCKER_COMPOSE: DebianProgram = {
  package: 'docker-compose',
  program: 'docker-compose',
  probe: ['version'],
  answer: /^Docker Compose version v?2\./m,
};
