import { silentLog } from '@millrace/runtime';
import type { PostgresConnection } from '../postgres-connection.ts';
import { nativeLayout } from '../postgres/layout/native-layout.ts';
import { readRetentionOf } from '../postgres/retention/read-retention.ts';
import type { RetentionReport } from '../retention/retention-report.ts';
import { hypertableLayout } from './hypertable-layout.ts';

/** What is kept how long in any database of ours. Changes nothing. */
export function readRetention(connection: PostgresConnection): Promise<RetentionReport> {
  return readRetentionOf({
    connection,
    layouts: [nativeLayout, hypertableLayout()],
    log: silentLog,
  });
}
