import { TOPIC_EVENTS, TOPIC_SERIES } from '@millrace/stream';
import { openSegmentStream, type SegmentStream } from '@millrace/stream/segment';
import { openLmdbStateStore, type LmdbStateStore } from '@millrace/state/lmdb';
import {
  createTransformer,
  DEFAULT_TRANSFORMER_SETTINGS,
  type Transformer,
} from '@millrace/transformer';
import type { TransformerThread } from './thread-data.ts';
import { hostStage } from './thread-host.ts';

// The thread that folds, and appends to the series topic: nobody else does.
hostStage<TransformerThread>((host) => {
  const { data, clock, log, meter } = host;
  const { settings, directories, sharedLog, ports } = data;
  const partitions = Array.from({ length: settings.partitions }, (_, partition) => partition);
  let stream: SegmentStream | undefined;
  let state: LmdbStateStore | undefined;
  let transformer: Transformer | undefined;
  return {
    open: async () => {
      const opened = openLmdbStateStore({ directory: directories.state });
      state = opened;
      stream = await openSegmentStream({
        directory: directories.log,
        partitions: settings.partitions,
        shared: sharedLog,
        owns: [TOPIC_SERIES],
        ...(ports.events === undefined ? {} : { peers: new Map([[TOPIC_EVENTS, ports.events]]) }),
        clock,
        log,
        settings: settings.log,
      });
      if (ports.series !== undefined) stream.serveAppends(TOPIC_SERIES, ports.series);
      return await Promise.all(partitions.map((partition) => logIdOf(opened, partition)));
    },
    run: () => {
      if (stream === undefined || state === undefined) throw new Error('nothing is open yet');
      transformer = createTransformer(
        { stream, state, clock, log, meter },
        { ...DEFAULT_TRANSFORMER_SETTINGS, ...settings.transformer, partitions },
      );
      host.run(transformer);
    },
    release: async (flushed) => {
      for (const { partition, logId, offset } of flushed) {
        const committed = await state?.readPosition(partition);
        if (committed?.logId !== logId) continue;
        const position = Math.min(committed.position, offset);
        await stream?.release(TOPIC_EVENTS, partition, position);
      }
    },
    status: () => transformer?.status() ?? { stage: 'transformer', ready: false, partitions: [] },
    stop: async () => await transformer?.stop(),
    close: async () => {
      await stream?.close();
      await state?.close();
    },
  };
});

async function logIdOf(state: LmdbStateStore, partition: number): Promise<string | undefined> {
  return (await state.readPosition(partition))?.logId;
}
