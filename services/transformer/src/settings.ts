import { DEFAULT_CHECKPOINT_SETTINGS, type CheckpointSection } from '@millrace/checkpoint';
import type { CheckpointRoomSettings } from './checkpoint-room.ts';

/** How the transformer goes about its work. Nothing here changes what it puts out. */
export interface TransformerSettings {
  /** The partitions owned from the start; `own` says otherwise later. */
  partitions: readonly number[];
  /** Bytes of records folded in one go. */
  pollBytesMax: number;
  /**
   * While records come one after the other, they are gathered for so long and folded together: what
   * reading, publishing and waking others costs does not depend on how many they are. Where they
   * come less often, or lie ready, nothing waits. 0: nothing ever does.
   */
  gatherMs: number;
  /** A partition idle for this long gets a tick. */
  tickMs: number;
  /**
   * State is committed this often while it changes; less often when that would take more than a
   * twentieth of the time, all large states together, and once a minute in any case.
   */
  commitMs: number;
  /** Bytes of entries in one record of `metrics.series`. */
  recordBytesMax: number;
  /** Bytes of entries that may wait to be published before folding waits. */
  pendingBytesMax: number;
  /** The same of all other partitions together that have more than that. */
  pendingBesideBytesMax: number;
  /**
   * A partition that stopped for a reason that no retry mends is looked at again this often: a
   * person may have mended it.
   */
  lookAgainMs: number;
  /** How often a checkpoint is made, and how many bytes of them there may be. */
  checkpoint: CheckpointSection & Pick<CheckpointRoomSettings, 'segmentBytes'>;
  /** How long `stop` waits for what is under way; the next owner folds the rest again. */
  stopMsMax: number;
}

export const DEFAULT_TRANSFORMER_SETTINGS: Omit<TransformerSettings, 'partitions'> = {
  pollBytesMax: 1_048_576,
  gatherMs: 25,
  tickMs: 1000,
  commitMs: 5000,
  recordBytesMax: 800_000,
  pendingBytesMax: 8_388_608,
  pendingBesideBytesMax: 33_554_432,
  lookAgainMs: 30_000,
  checkpoint: { ...DEFAULT_CHECKPOINT_SETTINGS, segmentBytes: 0 },
  stopMsMax: 10_000,
};
