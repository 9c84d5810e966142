export { FOLD_VERSION, FOLD_VERSIONS } from './fold-version.ts';
export { PartitionFold } from './partition-fold.ts';
export { newPartitionHead, type PartitionHead } from './partition-state.ts';
