import {
  migrateSchema,
  type LayoutChoice,
  type LayoutPolicy,
  type MigrateParams,
  type MigrateResult,
} from '../postgres/layout/migrate.ts';
import type { Session } from '../postgres/connection/session.ts';
import { enableColumnstore } from './columnstore.ts';
import { StoreError, StoreErrorCode } from '../store-error.ts';
import { isAtLeast, TIMESCALE_VERSION_MIN } from './timescale-features.ts';

/**
 * What to do with an empty database. `auto`: hypertables where TimescaleDB is there or can be
 * made, else native partitions. `require`: hypertables or an error. `off`: native partitions.
 */
export type HypertablesSetting = 'auto' | 'require' | 'off';

/**
 * Brings the schema of any PostgreSQL up to this program's, all in one transaction; an empty one
 * is laid out as `hypertables` says, and keeps that. Tells which layout it has, and why.
 *
 * Permanent errors: STORE_MIGRATION as `migratePostgres`; STORE_LAYOUT when the database has the
 * other layout than `require` or `off` ask for, or cannot have the required one.
 */
export function migrateTimescale(
  params: Readonly<MigrateParams & { hypertables?: HypertablesSetting }>,
): Promise<MigrateResult> {
  return migrateSchema(params, policyOf(params.hypertables ?? 'auto'));
}

function policyOf(setting: HypertablesSetting): LayoutPolicy {
  return {
    accepted: {
      auto: ['partitions', 'hypertables'] as const,
      require: ['hypertables'] as const,
      off: ['partitions'] as const,
    }[setting],
    choose: async (session, isPlan) => {
      if (setting === 'off')
        return { layout: 'partitions', reason: 'hypertables are switched off' };
      const choice = await chooseByOffer(session, isPlan);
      if (setting === 'require' && choice.layout === 'partitions') throw notToBeHad(choice.reason);
      return choice;
    },
    prepare: async (session, layout) => {
      if (layout === 'hypertables') await session.run('timescale-path');
    },
    finish: async (session, { layout, isPlan, log }) =>
      layout === 'hypertables' ? enableColumnstore(session, { isPlan, log }) : [],
  };
}

/** A row of `timescale-offer`. */
export interface DatabaseOffer {
  installed: string | null;
  schema: string | null;
  available: string | null;
  preloaded: boolean;
  may_create: boolean;
}

const OPEN_TO = 'ask its administrator for CREATE EXTENSION timescaledb in this database';

/** Why this database can have no hypertables; undefined: it can. */
export function whyNoHypertables(offer: DatabaseOffer): string | undefined {
  const version = offer.installed ?? offer.available;
  if (version === null) return 'this server has no TimescaleDB';
  if (!offer.preloaded) return 'the server has TimescaleDB but does not load it at its start';
  if (!isAtLeast(version, TIMESCALE_VERSION_MIN)) {
    return `its TimescaleDB ${version} is older than ${TIMESCALE_VERSION_MIN}`;
  }
  if (offer.installed === null && !offer.may_create) {
    return `this role may not make extensions here (${OPEN_TO})`;
  }
  return undefined;
}

async function chooseByOffer(session: Session, isPlan: boolean): Promise<LayoutChoice> {
  const { rows } = await session.run<DatabaseOffer>('timescale-offer');
  const offer = rows[0]!;
  const why = whyNoHypertables(offer);
  if (why !== undefined) return { layout: 'partitions', reason: why };
  if (offer.installed !== null) {
    return { layout: 'hypertables', reason: `it has TimescaleDB ${offer.installed}` };
  }
  const created: LayoutChoice = {
    layout: 'hypertables',
    reason: `TimescaleDB ${offer.available} can be made in it`,
  };
  if (isPlan) return created;
  await session.command('SAVEPOINT extension');
  try {
    await session.command('CREATE EXTENSION timescaledb');
    return created;
  } catch (error) {
    const { code, message } = error as Error & { code?: string };
    // Insufficient privilege: it is no trusted extension there. All else is told as it is.
    if (code !== '42501') throw error;
    await session.command('ROLLBACK TO SAVEPOINT extension');
    return { layout: 'partitions', reason: `${message} (${OPEN_TO})` };
  }
}

function notToBeHad(why: string): StoreError {
  return new StoreError({
    code: StoreErrorCode.layout,
    kind: 'permanent',
    message: `Hypertables are required and cannot be had: ${why}. Nothing was changed.`,
    remedy:
      'Give the server TimescaleDB (shared_preload_libraries) and the role the right to make it, ' +
      'or let the store use native partitions.',
  });
}
