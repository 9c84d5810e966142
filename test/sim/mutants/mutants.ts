import { CHECKPOINT_MUTANTS } from './checkpoint-mutants.ts';
import { FOLD_MUTANTS } from './fold-mutants.ts';
import type { Mutant } from './mutant.ts';
import { PROTOCOL_MUTANTS } from './protocol-mutants.ts';
import { RECEIVER_MUTANTS } from './receiver-mutants.ts';
import { SAMPLE_MUTANTS } from './sample-mutants.ts';
import { WRITER_MUTANTS } from './writer-mutants.ts';

/** Every way of breaking the system that the simulator must notice. */
export const MUTANTS: readonly Mutant[] = [
  ...RECEIVER_MUTANTS,
  ...FOLD_MUTANTS,
  ...SAMPLE_MUTANTS,
  ...PROTOCOL_MUTANTS,
  ...WRITER_MUTANTS,
  ...CHECKPOINT_MUTANTS,
];
