export { FOLD_VERSION, PartitionFold } from './partition-fold.ts';
export { newPartitionHead, type PartitionHead } from './partition-state.ts';
