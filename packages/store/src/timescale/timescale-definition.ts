import { optionalText, requiredText, type SettingsDefinition } from '@millrace/runtime';
import type { Retention } from '../retention/retention-policy.ts';
import { retentionDefinition, upkeepSetting } from '../postgres/retention/retention-definition.ts';

const url = {
  aliases: ['DATABASE_URL'],
  help: 'The TimescaleDB or PostgreSQL: postgres://user:password@host:port/database.',
};

/** Where the store is, as people say it: the section `store` of a process that writes to it. */
export interface StoreSection {
  url: string;
  retention: Retention;
  upkeepMs: number;
}

export const storeDefinition: SettingsDefinition<StoreSection> = {
  url: requiredText({ ...url, secret: true }),
  retention: retentionDefinition,
  upkeepMs: upkeepSetting,
};

/** The same section of a process that can do without. */
export interface OptionalStoreSection extends Omit<StoreSection, 'url'> {
  url: string | undefined;
}

export const optionalStoreDefinition: SettingsDefinition<OptionalStoreSection> = {
  url: { ...optionalText(url), secret: true },
  retention: retentionDefinition,
  upkeepMs: upkeepSetting,
};
