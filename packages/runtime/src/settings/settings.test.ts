import { describe, expect, test } from 'vitest';
import {
  bytes,
  choice,
  durationMs,
  flag,
  integer,
  optionalInteger,
  optionalText,
  requiredText,
  text,
} from './setting-kinds.ts';
import { checkRelations, readSettings, type SettingsDefinition } from './settings.ts';

interface Example {
  readonly dataDir: string;
  readonly port: number | undefined;
  readonly logLevel: 'info' | 'debug';
  readonly receiver: {
    readonly requestBytesMax: number;
    readonly queueAgeMsMax: number;
    readonly labelsMax: number;
    readonly insecure: boolean;
    readonly token: string | undefined;
  };
}

const definition: SettingsDefinition<Example> = {
  dataDir: text({ default: './millrace-data', help: 'Where everything lies.' }),
  port: optionalInteger({ default: undefined, min: 0, max: 65_535, help: '', aliases: ['PORT'] }),
  logLevel: choice({ default: 'info', of: ['info', 'debug'], help: '' }),
  receiver: {
    requestBytesMax: bytes({ default: 1024, min: 1, max: 64 * 1024 ** 2, help: '' }),
    queueAgeMsMax: durationMs({ default: 5_000, min: 1, max: 3_600_000, help: '' }),
    labelsMax: integer({ default: 64, min: 1, max: 1_000, help: '' }),
    insecure: flag({ default: false, help: '' }),
    token: { ...optionalText({ help: '' }), secret: true },
  },
};

const read = (environment: Record<string, string>) => readSettings(definition, environment);

describe('readSettings', () => {
  test('gives defaults, frozen all the way down', () => {
    const { settings, effective } = read({});
    expect(settings.receiver.requestBytesMax).toBe(1024);
    expect(Object.isFrozen(settings) && Object.isFrozen(settings.receiver)).toBe(true);
    expect(effective).toHaveLength(8);
    expect(effective.every(({ source }) => source === 'default')).toBe(true);
  });

  test('reads every kind with its units', () => {
    const { settings } = read({
      MILLRACE_DATA_DIR: '/srv/data',
      MILLRACE_LOG_LEVEL: 'debug',
      MILLRACE_RECEIVER__REQUEST_BYTES_MAX: '32MiB',
      MILLRACE_RECEIVER__QUEUE_AGE_MS_MAX: '2m',
      MILLRACE_RECEIVER__LABELS_MAX: '10',
      MILLRACE_RECEIVER__INSECURE: 'true',
    });
    expect(settings).toEqual({
      dataDir: '/srv/data',
      port: undefined,
      logLevel: 'debug',
      receiver: {
        requestBytesMax: 33_554_432,
        queueAgeMsMax: 120_000,
        labelsMax: 10,
        insecure: true,
        token: undefined,
      },
    });
  });

  test('an alias counts where our own variable is absent or empty', () => {
    expect(read({ PORT: '8080' }).settings.port).toBe(8080);
    expect(read({ PORT: '8080', MILLRACE_PORT: '9480' }).settings.port).toBe(9480);
    expect(read({ PORT: '8080', MILLRACE_PORT: '' }).settings.port).toBe(8080);
  });

  test('tells where each value came from and hides secrets', () => {
    const { settings, effective } = read({ PORT: '1', MILLRACE_RECEIVER__TOKEN: 'geheim' });
    expect(settings.receiver.token).toBe('geheim');
    expect(effective).toContainEqual({
      path: 'port',
      variable: 'PORT',
      value: 1,
      source: 'environment',
      help: '',
    });
    expect(JSON.stringify(effective)).not.toContain('geheim');
  });

  test.each([
    ['PORT', 'http', 'a whole number (0 to 65535)'],
    ['PORT', '65536', 'from 0 to 65535'],
    ['MILLRACE_RECEIVER__QUEUE_AGE_MS_MAX', '5', 'a time such as 250ms, 5s, 10m or 7d'],
    ['MILLRACE_RECEIVER__QUEUE_AGE_MS_MAX', '2h', 'from 1ms to 1h'],
    ['MILLRACE_RECEIVER__REQUEST_BYTES_MAX', '1TiB', '(1 to 64MiB)'],
    ['MILLRACE_RECEIVER__REQUEST_BYTES_MAX', '-1', 'a size'],
    ['MILLRACE_RECEIVER__INSECURE', 'yes', 'true or false'],
    ['MILLRACE_LOG_LEVEL', 'loud', 'one of info, debug'],
  ])('%s=%s is refused with what would be right', (name, value, expected) => {
    expect(() => read({ [name]: value })).toThrow(
      expect.objectContaining({
        code: 'SETTING_INVALID',
        message: expect.stringMatching(`${name}: "${value}"`),
      }),
    );
    expect(() => read({ [name]: value })).toThrow(expected);
  });

  test('names every wrong variable at once', () => {
    expect(() => read({ PORT: 'x', MILLRACE_LOG_LEVEL: 'y' })).toThrow(/PORT.*MILLRACE_LOG_LEVEL/);
  });

  test.each(['MILRACE_DATA_DIR', 'millrace_data_dir', 'Millrace_Data_Dir', 'MILLARCE_DATA_DIR'])(
    '%s is a slip and not passed over: data would go elsewhere',
    (name) => {
      expect(() => read({ [name]: '/x' })).toThrow('Did you mean MILLRACE_DATA_DIR?');
    },
  );

  test.each(['MILRACE_DATADIR', 'millrace_reciever__labels_max', 'MILLRACEE_PORT'])(
    '%s is nearly one of ours',
    (name) => {
      expect(() => read({ [name]: '1' })).toThrow(`${name} is not a setting. Did you mean`);
    },
  );

  test.each([
    ...['GRACE_DATA_DIR', 'MILLRACE', 'MILLS_X', 'MIRACLE_X', 'MILLPLACE_HOME', 'MILRACE_Z'],
    // A second instance, and what is called nearly as we are.
    ...['MILLRACE2_DATA_DIR', 'MILLRACES_DATA_DIR', 'millrace10_port', 'MILLRACES2_LOG_LEVEL'],
  ])('%s is not meant for us', (name) => {
    expect(read({ [name]: '/x' })).toEqual(read({}));
  });

  test.each(['MILLRACE', 'MILLRACE2', 'MILLRACES', 'MILLPLACE', 'MILLRACE_RECEIVER'])(
    'what Kubernetes says of the service %s is no setting',
    (service) => {
      const links = {
        [`${service}_SERVICE_HOST`]: '10.96.0.1',
        [`${service}_SERVICE_PORT`]: '9480',
        [`${service}_SERVICE_PORT_HTTP`]: '9480',
        [`${service}_PORT`]: 'tcp://10.96.0.1:9480',
        [`${service}_PORT_9480_TCP`]: 'tcp://10.96.0.1:9480',
        [`${service}_PORT_9480_TCP_PROTO`]: 'tcp',
        [`${service}_PORT_9480_TCP_PORT`]: '9480',
        [`${service}_PORT_9480_TCP_ADDR`]: '10.96.0.1',
      };
      expect(read(links)).toEqual(read({}));
      expect(read({ ...links, PORT: '8080' }).settings.port).toBe(8080);
    },
  );

  test('what nobody but a person writes there is refused as before', () => {
    expect(() => read({ MILLRACE_PORT: 'tcp' })).toThrow('"tcp" is not a whole number');
    expect(() => read({ MILLRACE_RECEIVER_PORT: '9480' })).toThrow('is not a setting');
  });

  test('an unknown variable is refused, with the nearest one when there is one', () => {
    expect(() => read({ MILLRACE_RECEIVER__REQUEST_BYTE_MAX: '1' })).toThrow(
      'Did you mean MILLRACE_RECEIVER__REQUEST_BYTES_MAX?',
    );
    expect(() => read({ MILLRACE_Z: '1' })).toThrow(/MILLRACE_Z is not a setting\.$/);
    expect(() => read({ MILLRACE_TEST_ANYTHING: '1', HOME: '/' })).not.toThrow();
  });
});

describe('checkRelations', () => {
  test('names both settings and the reason', () => {
    const relation = { paths: ['dedupe.horizonMs', 'retainMs'], because: 'One must be less.' };
    expect(() => checkRelations([{ ...relation, holds: true }])).not.toThrow();
    expect(() => checkRelations([{ ...relation, holds: false }])).toThrow(
      'MILLRACE_DEDUPE__HORIZON_MS and MILLRACE_RETAIN_MS do not fit together: One must be less.',
    );
  });
});

describe('settings of several processes in one environment', () => {
  interface Stage {
    readonly kafka: { readonly brokers: string; readonly prefix: string };
    readonly port: number | undefined;
  }
  const stage: SettingsDefinition<Stage> = {
    kafka: {
      brokers: requiredText({ help: 'Where the log is.', aliases: ['KAFKA_BROKERS'] }),
      prefix: text({ default: '', help: '' }),
    },
    port: optionalInteger({ default: undefined, min: 0, max: 65_535, help: '' }),
  };
  const readStage = (environment: Record<string, string>) =>
    readSettings(stage, environment, { otherSections: ['kafka', 'writer', 'partitions'] });

  test('each reads its own, and leaves the others to theirs', () => {
    const environment = {
      KAFKA_BROKERS: 'a:1',
      MILLRACE_WRITER__BATCH: '7',
      MILLRACE_PARTITIONS: '12',
    };
    expect(readStage(environment).settings.kafka).toEqual({ brokers: 'a:1', prefix: '' });
    // A slip in its own section is one, and so is a section that nobody has.
    for (const name of ['MILLRACE_KAFKA__PREFIXES', 'MILLRACE_WRITERS__X', 'MILLRACE_PARTITION']) {
      expect(() => readStage({ ...environment, [name]: '1' })).toThrow(`${name} is not a setting`);
    }
  });

  test('what is needed and missing is told with its names', () => {
    for (const environment of [{}, { KAFKA_BROKERS: '' }]) {
      expect(() => readStage(environment)).toThrow(
        'KAFKA_BROKERS or MILLRACE_KAFKA__BROKERS is not set. Where the log is.',
      );
    }
    expect(readStage({ MILLRACE_KAFKA__BROKERS: 'b:2' }).settings.kafka.brokers).toBe('b:2');
  });
});
