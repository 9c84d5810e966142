import { describe, expect, it } from 'vitest';
import { whyNoHypertables, type DatabaseOffer } from './migrate-timescale.ts';
import { featuresOf, isAtLeast, type TimescaleOffer } from './timescale-features.ts';

it.each([
  ['2.13.0', '2.13', true],
  ['2.13', '2.13.0', true],
  ['2.9.3', '2.13', false],
  ['2.31.0-dev', '2.29.2', true],
  ['2.29.1', '2.29.2', false],
  ['3.0.0', '2.29.2', true],
])('version %s is at least %s: %s', (version, minimum, expected) => {
  expect(isAtLeast(version, minimum)).toBe(expected);
});

describe('what of TimescaleDB is used', () => {
  const offer: TimescaleOffer = { version: '2.31.0', license: 'timescale', direct_compress: true };
  const tables = ['histograms', 'samples_narrow'].map((name) => ({ name, is_enabled: true }));

  it('is everything where everything is there', () => {
    expect(featuresOf(offer, tables)).toEqual({
      version: '2.31.0',
      license: 'timescale',
      columnstore: 'by series and time: histograms, samples_narrow',
      directCompress: 'used for batches with many samples of each series',
      directCompressSetting: 'timescaledb.enable_direct_compress_copy = on',
    });
  });

  it.each([
    ['edition', { ...offer, license: 'apache' }, [], 'this edition or version has none'],
    ['license', { ...offer, license: null }, [], 'this edition or version has none'],
    ['version', { ...offer, version: '2.17.2' }, [], 'this edition or version has none'],
    ['lossy version', { ...offer, version: '2.29.1' }, tables, 'before 2.29.2 lost rows'],
    ['setting', { ...offer, direct_compress: false }, tables, 'this server does not have it'],
    ['table', offer, [{ name: 'samples_narrow', is_enabled: false }], 'run `millrace setup` once'],
  ])('is no direct compress for want of the %s', (_, less, some, why) => {
    expect(featuresOf(less, some)).toMatchObject({
      directCompress: expect.stringContaining(why),
      directCompressSetting: undefined,
    });
  });
});

describe('hypertables', () => {
  const offer: DatabaseOffer = {
    installed: null,
    schema: null,
    available: '2.31.0',
    preloaded: true,
    may_create: true,
  };

  it('can be had where the extension is there or can be made', () => {
    expect(whyNoHypertables(offer)).toBeUndefined();
    const installed = { ...offer, installed: '2.13.1', may_create: false };
    expect(whyNoHypertables(installed)).toBeUndefined();
  });

  it.each([
    [{ available: null }, 'this server has no TimescaleDB'],
    [{ preloaded: false }, 'does not load it at its start'],
    [{ installed: '2.12.2' }, 'TimescaleDB 2.12.2 is older than 2.13'],
    [{ may_create: false }, 'CREATE EXTENSION timescaledb'],
  ])('cannot be had with %o', (change, why) => {
    expect(whyNoHypertables({ ...offer, ...change })).toContain(why);
  });
});
