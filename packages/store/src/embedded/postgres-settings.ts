/**
 * How the embedded PostgreSQL is set up. It serves one machine and one writer, and everything in
 * it can be computed again from the log, which is why it may acknowledge before it flushes.
 */
export function postgresSettings(
  params: Readonly<{ socketDirectory: string; sharedBuffersMb: number }>,
): Record<string, string> {
  return {
    // Nobody but the owner of the socket's directory can reach it.
    listen_addresses: '',
    unix_socket_directories: params.socketDirectory,
    unix_socket_permissions: '0700',
    max_connections: '50',
    // A query without a filter on time locks every partition and its indexes.
    max_locks_per_transaction: '256',

    // Marks and rows are lost together and the log still has them; see Store.flushedMarks.
    synchronous_commit: 'off',
    // No replica and no archive: bulk loading writes less WAL.
    wal_level: 'minimal',
    max_wal_senders: '0',
    // Filling each new segment with zeros, 16 MB at once and flushed, holds up the log's own
    // flushes by 20 to 30 ms; no commit waits for the blocks that are made one by one then.
    wal_init_zero: 'off',
    max_wal_size: '2GB',
    checkpoint_timeout: '15min',

    shared_buffers: `${params.sharedBuffersMb}MB`,
    work_mem: '16MB',
    maintenance_work_mem: '64MB',
    jit: 'off',

    // Append-only tables make the default of 20 % new rows vacuum the same pages again and again:
    // it was measured at 40 % of a core.
    autovacuum_vacuum_insert_threshold: '10000000',
    autovacuum_vacuum_insert_scale_factor: '1.0',
    autovacuum_max_workers: '2',
    // It also summarizes the newest pages of BRIN indexes, without which they are always read.
    autovacuum_naptime: '15s',

    timezone: 'UTC',
    log_timezone: 'UTC',
    lc_messages: 'C',
    log_line_prefix: '%m [%p] %a ',
    log_checkpoints: 'off',
    log_min_messages: 'warning',
    // Refused rows are isolated on purpose, and told in dead_letters; here they would be noise.
    log_min_error_statement: 'panic',
  };
}
