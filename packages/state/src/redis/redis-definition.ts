import { requiredText, text, type SettingsDefinition } from '@millrace/runtime';

/** Where the state is, as people say it: the section `redis` of a process's settings. */
export interface RedisSection {
  url: string;
  keyPrefix: string;
}

export const redisDefinition: SettingsDefinition<RedisSection> = {
  url: requiredText({
    aliases: ['REDIS_URL'],
    help: 'The Redis that keeps the state: redis[s]://[[user]:password@]host[:port][/database].',
    secret: true,
  }),
  keyPrefix: text({ default: 'millrace', help: 'Begins the names of all keys.' }),
};
