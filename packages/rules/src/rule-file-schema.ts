import {
  AGGREGATES,
  ROLLUP_RULE_NAME,
  RULE_AGGREGATES_MAX,
  RULE_LABEL_CHARS_MAX,
  RULE_LABELS_MAX,
  RULE_NAME_CHARS_MAX,
  RULE_NAME_PATTERN,
  RULE_WIDTHS_MAX,
  RULES_MAX,
  SELECTOR_CHARS_MAX,
  TENANT_CHARS_MAX,
  TENANTS_MAX,
} from './rule.ts';

const KEPT = { type: 'string', pattern: '^([0-9]{1,9}(y|w|d|h|m|s|ms))+$', examples: ['90d'] };
const KEEP = {
  anyOf: [KEPT, { type: 'object', additionalProperties: KEPT, maxProperties: RULE_WIDTHS_MAX }],
};
const LABEL = { type: 'string', minLength: 1, maxLength: RULE_LABEL_CHARS_MAX };

/**
 * JSON Schema (draft 2020-12) of the rules of a `millrace.yaml`, for editors. What it accepts may
 * still be refused: selectors, ranges of widths and equal names are `parseRules`' to judge.
 */
export const RULE_FILE_SCHEMA: Readonly<Record<string, unknown>> = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'Rules of Millrace',
  type: 'object',
  properties: {
    rules: {
      type: ['array', 'null'],
      maxItems: RULES_MAX,
      items: { $ref: '#/$defs/rule' },
      description: 'What aggregates into what, beside the built-in roll-up of 5 m and 1 h.',
    },
    tenants: {
      type: ['array', 'null'],
      maxItems: TENANTS_MAX,
      items: { $ref: '#/$defs/tenant' },
      description: 'How long what is kept of tenants for whom that is not as for all.',
    },
  },
  $defs: {
    tenant: {
      type: 'object',
      required: ['name', 'keep'],
      additionalProperties: false,
      properties: {
        name: { type: 'string', minLength: 1, maxLength: TENANT_CHARS_MAX },
        keep: {
          type: 'object',
          additionalProperties: false,
          properties: {
            raw: { ...KEPT, description: 'Samples, histograms and exemplars.' },
            narrow: { ...KEPT, description: 'Windows narrower than an hour.' },
            wide: { ...KEPT, description: 'Windows of an hour and more.' },
            rules: {
              type: 'object',
              additionalProperties: KEEP,
              description: 'Windows of rules by their names, whatever those say themselves.',
            },
          },
        },
      },
    },
    rule: {
      type: 'object',
      required: ['name', 'match'],
      additionalProperties: false,
      not: { required: ['by', 'without'] },
      anyOf: [
        { required: ['widths', 'aggregates'], properties: { drop: { const: false } } },
        { required: ['drop'], propertyNames: { enum: ['name', 'match', 'drop'] } },
      ],
      properties: {
        name: {
          type: 'string',
          pattern: RULE_NAME_PATTERN.source,
          maxLength: RULE_NAME_CHARS_MAX,
          not: { const: ROLLUP_RULE_NAME },
          description: 'Tells the rule from others; its editions are known by it.',
        },
        match: {
          type: 'string',
          maxLength: SELECTOR_CHARS_MAX,
          examples: ['http_requests_total{code=~"5.."}'],
          description: 'Which series: a Prometheus selector, regular expressions as in RE2.',
        },
        by: {
          type: 'array',
          items: LABEL,
          maxItems: RULE_LABELS_MAX,
          uniqueItems: true,
          description: 'Labels the output series keeps beside the metric name.',
        },
        without: {
          type: 'array',
          items: { ...LABEL, not: { const: '__name__' } },
          minItems: 1,
          maxItems: RULE_LABELS_MAX,
          uniqueItems: true,
          description: 'Labels the output series loses. Neither: each series by itself.',
        },
        widths: {
          type: 'array',
          items: { type: 'string', pattern: '^([0-9]{1,9}(w|d|h|m|s|ms))+$', examples: ['5m'] },
          minItems: 1,
          maxItems: RULE_WIDTHS_MAX,
          uniqueItems: true,
          description: 'Widths of the windows, whole seconds from 1s to 31d.',
        },
        aggregates: {
          type: 'array',
          items: { anyOf: [{ enum: [...AGGREGATES] }, { pattern: '^distinct\\(.+\\)$' }] },
          minItems: 1,
          maxItems: RULE_AGGREGATES_MAX,
          uniqueItems: true,
          description: 'What is computed for each window and output series.',
        },
        keep_raw: {
          type: 'boolean',
          default: true,
          description: 'false: samples that match are not kept raw.',
        },
        keep: {
          ...KEEP,
          description: 'How long the store keeps its windows: 90d, or { 1m: 30d, 1h: 2y }.',
        },
        drop: {
          type: 'boolean',
          default: false,
          description: 'true: samples that match are counted, and neither kept nor folded.',
        },
      },
    },
  },
};
