/** What became of one partition when checkpoints were asked for. */
export type CheckpointOutcome = Readonly<{ partition: number }> &
  (
    | Readonly<{
        outcome: 'made';
        checkpointId: string;
        /** Of `metrics.events`: what is below it need not be folded again. */
        position: number;
        bytes: number;
        tookMs: number;
      }>
    /** Nothing was committed, or nothing since the last one. */
    | Readonly<{ outcome: 'unchanged' }>
    | Readonly<{ outcome: 'failed'; code: string; message: string; remedy?: string }>
  );
