import { CheckpointRetention, makeCheckpoint } from '@millrace/checkpoint';
import { createMeter, silentLog, type Log, type PartitionedStage } from '@millrace/runtime';
import { heldByJobs, HistoryReader } from '@millrace/control';
import type { StatePlaces, StatePositionReader, StateStore } from '@millrace/state';
import type { Store } from '@millrace/store';
import { DEFAULT_STREAM_SETTINGS, type Stream } from '@millrace/stream';
import {
  createTransformer,
  DEFAULT_TRANSFORMER_SETTINGS,
  describeState,
} from '@millrace/transformer';
import { createWriter, releasingEvents } from '@millrace/writer';
import type { MortalProcess } from './mortal-process.ts';
import type { Random } from './random.ts';
import type { SimPlan } from './sim-plan.ts';

interface StageParts {
  process: MortalProcess;
  stream: Stream;
  log: Log;
  plan: SimPlan;
  /** Those it has at first. */
  partitions: readonly number[];
}

/** A transformer, and what its process does once it has stopped. */
export interface StartedTransformer {
  stage: PartitionedStage;
  last: () => Promise<unknown>;
}

export function startTransformer(
  parts: StageParts & Readonly<{ state: StateStore; places: StatePlaces; random: Random }>,
): StartedTransformer {
  const { process, stream, log, state, places, random, plan } = parts;
  const { clock } = process;
  const producer = stream.producer();
  const { chunkBytesMax, ...checkpoint } = plan.checkpoint;
  const { segmentBytes } = { ...DEFAULT_STREAM_SETTINGS, ...plan.stream };
  const stage = createTransformer(
    {
      ...{ stream, state, clock, log, meter: createMeter(), jobPlaces: places },
      makeCheckpoint: (partition, signal) => {
        const sources = { state, producer, clock, describe: describeState };
        return makeCheckpoint(sources, { partition, signal, chunkBytesMax });
      },
    },
    {
      ...DEFAULT_TRANSFORMER_SETTINGS,
      partitions: parts.partitions,
      tickMs: plan.tickMs,
      // With some plans, so that both are tried.
      gatherMs: plan.tickMs > 1000 ? 10 : 0,
      // Small and odd, so that runs differ in how they group what they put out.
      pollBytesMax: 500 + random.int(4000),
      recordBytesMax: 300 + random.int(3000),
      commitMs: 200 + random.int(4000),
      checkpoint: { ...checkpoint, segmentBytes },
      stopMsMax: 5000,
    },
  );
  const { signal } = new AbortController();
  return { stage, last: () => stage.checkpoint({ isAsked: false, signal }) };
}

/** A writer, which also lets the log forget events: as the process of that name does. */
export function startWriter(
  parts: StageParts &
    Readonly<{ store: Store; positions: StatePositionReader; places: StatePlaces }>,
): PartitionedStage {
  const { process, stream, store, places, plan, log } = parts;
  const history = new HistoryReader(stream);
  const owned = (): number[] => stage.status().partitions.map(({ partition }) => partition);
  const releasing = releasingEvents(store, {
    stream,
    retention: new CheckpointRetention({ stream }, plan.checkpoint),
    readPosition: (partition) => process.act(() => parts.positions.readPosition(partition)),
    owned,
    heldFrom: (partition, logId) => heldByJobs({ history, places }, partition, logId),
    log,
  });
  const stage = createWriter(
    { stream, store: releasing, clock: process.clock, log: silentLog, meter: createMeter() },
    {
      partitions: parts.partitions,
      stopMsMax: 5000,
      // A reader is woken by what comes: waiting for longer changes nothing, and costs less.
      readWaitMs: 20_000,
      observeMs: 5000,
      releaseMs: plan.releaseMs,
    },
  );
  return stage;
}
