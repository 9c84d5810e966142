export { SERIES_UNDEFINED } from './data-fold.ts';
export { FOLD_VERSION, PartitionFold } from './partition-fold.ts';
export {
  loadPages,
  newPartitionHead,
  type LoadedState,
  type PartitionHead,
} from './partition-state.ts';
