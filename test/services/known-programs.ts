import type { DebianProgram } from './debian-package.ts';

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
