import { MillraceError } from '@millrace/runtime';

/** Every bound of the writer, its unit in its name. */
export interface WriterSettings {
  /**
   * Bounds of what goes into one transaction. Below them everything that lies ready is taken as
   * soon as the store is free, so they only matter under backlog. A record that exceeds one of
   * them by itself is a transaction by itself.
   */
  batchRecordsMax: number;
  batchBytesMax: number;
  batchEntriesMax: number;
  /**
   * Of entries that are no samples: as objects they take ten times their bytes, and each partition
   * has those that are applied and those that are collected meanwhile.
   */
  batchObjectsMax: number;
  /**
   * Where the store says that more entries in one transaction cost less, batches have more, and so
   * many are held of those batches in all partitions together: one is collected, and up to
   * `largeBatchesMax` others are applied, so that each may have as many as go into that number of
   * batches. A collected sample takes 25 bytes, so these are 125 MB beside twice 15 MB of usual
   * batches for each partition (one is applied while the next is collected; what is not used of
   * that is given back by and by), and what is applied as much of each sample once more. The
   * other bounds but that of objects grow in proportion. They are samples of very many series, of
   * which rows of few samples are all that there will be.
   */
  backlogEntriesMax: number;
  /** Batches of more than the usual number of entries that are applied at the same time. */
  largeBatchesMax: number;
  /**
   * While so many entries a second and more come, a batch waits for others since the one before, at
   * most for so long: the store packs samples of one series into one row, and rows of many samples
   * cost no more than those of few. Where less comes nothing waits for longer than a moment.
   */
  lingerEntriesPerSecondMin: number;
  lingerMs: number;
  /** Nor does it wait on where nothing came for so long: whoever sent is through, or pauses. */
  lingerPauseMs: number;
  /**
   * Samples that are older than so long when they come are a backlog, for which nobody waits at the
   * screen. Where the store says that more of them in one transaction cost less, a batch of them
   * waits longer for others, as long as they come without a pause: since the one before was taken,
   * so that partitions that collect in turn do not wait one after the other. For less than the five
   * seconds that a request waits which wants to know that they are stored; but where the store took
   * that long for the batch before, for some times as long as it took, up to `backlogLingerMsMax`.
   * Less than `backlogPauseMs` is no pause: whoever folds a million series comes to each partition
   * every few seconds, and a batch that is taken between has two or three samples of each.
   */
  backlogAgeMs: number;
  backlogLingerMs: number;
  backlogLingerMsMax: number;
  backlogPauseMs: number;
  /**
   * A batch that may have more is filled with what lies in the log already, for so long at most: to
   * read it takes a fraction of what it takes to apply in two what could be one, also where others
   * keep the processors busy.
   */
  backlogReadMs: number;

  /** Bytes of one read of the log; they are decoded in one go. */
  readBytesMax: number;
  /** How long one read waits for a record to come. */
  readWaitMs: number;

  /** Pauses between attempts while the log or the store is away; they double. */
  retryMsMin: number;
  retryMsMax: number;
  /**
   * While nobody answers where the store is, one of the partitions looks for it so often, and all
   * others go on with it: a store that comes back has work at once, and is asked by nobody more
   * often than once in half of that.
   */
  lookForStoreMs: number;
  /** A partition that stopped for good is looked at again this often: it may have been mended. */
  lookAgainMs: number;

  /** How often the ends of the partitions are looked at, for the lag. */
  observeMs: number;
  /** How often the store is flushed and the log is told what it may forget. */
  releaseMs: number;
  /** How long `stop` waits for a transaction under way; past it the mark decides what happened. */
  stopMsMax: number;
}

const MIB = 1024 * 1024;

export const DEFAULT_WRITER_SETTINGS: WriterSettings = {
  batchRecordsMax: 4000,
  batchBytesMax: 16 * MIB,
  batchEntriesMax: 600_000,
  batchObjectsMax: 15_000,
  backlogEntriesMax: 5_000_000,
  largeBatchesMax: 2,
  lingerEntriesPerSecondMin: 10_000,
  lingerMs: 1000,
  lingerPauseMs: 200,
  backlogAgeMs: 60_000,
  backlogLingerMs: 4000,
  backlogLingerMsMax: 20_000,
  backlogPauseMs: 6000,
  backlogReadMs: 5000,
  readBytesMax: MIB,
  readWaitMs: 1000,
  retryMsMin: 100,
  retryMsMax: 5000,
  lookForStoreMs: 1000,
  lookAgainMs: 30_000,
  observeMs: 1000,
  releaseMs: 10_000,
  stopMsMax: 10_000,
};

/** The defaults with changes; throws when one is not positive or two contradict one another. */
export function writerSettings(changes: Partial<WriterSettings> = {}): WriterSettings {
  const settings = { ...DEFAULT_WRITER_SETTINGS, ...changes };
  for (const [name, value] of Object.entries(settings)) {
    demand(Number.isFinite(value) && value > 0, `${name} (${value}) must be positive`);
  }
  demand(
    settings.retryMsMin <= settings.retryMsMax,
    `retryMsMin (${settings.retryMsMin}) must not exceed retryMsMax (${settings.retryMsMax})`,
  );
  demand(
    settings.batchEntriesMax <= settings.backlogEntriesMax,
    `batchEntriesMax (${settings.batchEntriesMax}) must not exceed ` +
      `backlogEntriesMax (${settings.backlogEntriesMax})`,
  );
  demand(
    settings.backlogLingerMs <= settings.backlogLingerMsMax,
    `backlogLingerMs (${settings.backlogLingerMs}) must not exceed ` +
      `backlogLingerMsMax (${settings.backlogLingerMsMax})`,
  );
  return Object.freeze(settings);
}

function demand(holds: boolean, message: string): void {
  if (holds) return;
  throw new MillraceError({
    code: 'WRITER_SETTINGS',
    kind: 'permanent',
    message: `The writer's settings contradict one another: ${message}. Nothing was started.`,
    remedy: 'Change one of the named settings.',
  });
}
