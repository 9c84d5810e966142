import type { RuleFile } from '@millrace/rules';

/** Rules that use every way a sample can go. */
export const SIM_RULES = {
  rules: [
    {
      name: 'jobs',
      match: '{__name__=~"gauge|counter|unknown"}',
      by: ['job'],
      widths: ['10s', '1m'],
      aggregates: ['count', 'sum', 'min', 'max', 'increase', 'quantile', 'sum_last'],
      keep_raw: true,
    },
    {
      name: 'clicks',
      match: 'click',
      by: ['job'],
      widths: ['1m'],
      aggregates: ['count', 'sum', 'distinct(instance)'],
      keep_raw: false,
    },
  ],
} as unknown as RuleFile;
