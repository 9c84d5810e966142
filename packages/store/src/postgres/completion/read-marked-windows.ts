import type { TimeUs } from '@millrace/model';
import type { LookedWindow, LookedWindows } from '../../completed-reader.ts';
import type { MarkedScope } from '../../completion-store.ts';
import {
  boundParameter,
  intervalParameter,
  timeParameter,
} from '../connection/array-parameters.ts';
import { readEditions } from '../editions/read-editions.ts';
import type { Session } from '../connection/session.ts';
import { positionOf, type PositionRow } from '../batch/stored-position.ts';

/** Windows that a statement finds, and what is known beside them; in a transaction of the caller's. */
export async function readMarkedWindows(
  session: Session,
  statement: 'marked-windows' | 'look-at-windows',
  parameters: readonly unknown[],
): Promise<LookedWindows> {
  const rowsOf = async <Row>(name: string): Promise<Row[]> => (await session.run<Row>(name)).rows;
  const windows = await session.run<MarkedRow>(statement, parameters);
  const positions = (await rowsOf<PositionRow>('read-positions')).map(positionOf);
  const editions = await readEditions(rowsOf);
  const [smallest] = await rowsOf<{ watermark_us: TimeUs }>('smallest-watermark');
  const watermarkUs = smallest!.watermark_us;
  return { windows: windows.rows.map(markedOf), positions, editions, watermarkUs };
}

export function scopeParameters(scope: MarkedScope): unknown[] {
  const { fromUs, untilUs, rules, tenant, after, windowsMax, isOnlyNew, isAgain } = scope;
  return [
    boundParameter(fromUs),
    boundParameter(untilUs),
    rules ?? null,
    tenant ?? null,
    timeParameter(after?.startUs),
    after === undefined ? null : String(Buffer.from(after.seriesId).readBigInt64BE()),
    after === undefined ? null : intervalParameter(after.widthUs),
    after?.edition ?? null,
    windowsMax,
    isOnlyNew,
    isAgain,
  ];
}

interface MarkedRow {
  edition: string;
  series_id: Buffer;
  width_us: string;
  start_us: string;
  pieces: string;
  samples: string;
  is_open: boolean;
  partitions: number[];
  first_pieces: string[];
  /** Of windows that were named alone. */
  has_row?: boolean;
  has_mark?: boolean;
  increase?: number | null;
  is_bounded: boolean;
  is_marked: boolean;
}

function markedOf(row: MarkedRow): LookedWindow {
  return {
    edition: Number(row.edition),
    seriesId: new Uint8Array(row.series_id),
    widthUs: Number(row.width_us),
    startUs: Number(row.start_us),
    pieces: Number(row.pieces),
    samples: Number(row.samples),
    isOpen: row.is_open,
    isBounded: row.is_bounded,
    isMarked: row.is_marked,
    hasRow: row.has_row ?? false,
    hasMark: row.has_mark ?? row.is_marked,
    increase: row.increase ?? undefined,
    firsts: row.partitions.map((partition, i) => {
      return { partition, piece: Number(row.first_pieces[i]!) };
    }),
  };
}
