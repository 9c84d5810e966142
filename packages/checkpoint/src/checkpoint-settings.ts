import { bytes, durationMs, integer, type SettingsDefinition } from '@millrace/runtime';

/** The section `checkpoint`, the same for all that make checkpoints or let the log forget. */
export interface CheckpointSection {
  /** How often one is made of each partition. */
  intervalMs: number;
  /** Complete ones of a partition that are kept. */
  keptCount: number;
  /** Bytes beyond which fewer are kept, and none is added. */
  keptBytesMax: number;
}

const SECOND_MS = 1000;
const HOUR_MS = 3_600_000;
const MIB = 1024 * 1024;

export const checkpointDefinition: SettingsDefinition<CheckpointSection> = {
  intervalMs: durationMs({
    default: HOUR_MS,
    min: SECOND_MS,
    max: 30 * 24 * HOUR_MS,
    help: 'How often a checkpoint is made of each partition; one is made at a clean stop, too.',
  }),
  keptCount: integer({
    default: 3,
    min: 1,
    max: 1000,
    help: 'Complete checkpoints of a partition that are kept.',
  }),
  keptBytesMax: bytes({
    default: 8 * 1024 * MIB,
    min: MIB,
    max: 1024 * 1024 * 1024 * MIB,
    help:
      'Bytes of the checkpoints of a partition beyond which fewer are kept, and none added; the ' +
      'log lets go of whole segments, so up to a segment may come on top.',
  }),
};

export const DEFAULT_CHECKPOINT_SETTINGS: CheckpointSection = {
  intervalMs: HOUR_MS,
  keptCount: 3,
  keptBytesMax: 8 * 1024 * MIB,
};
