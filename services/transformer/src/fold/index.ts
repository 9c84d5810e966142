export { SERIES_UNDEFINED } from './data-fold.ts';
export { planEdition, type EditionPlan } from './edition-plan.ts';
export { eventKey, partKey } from './identity-keys.ts';
export { increaseBetween } from './increase.ts';
export { isCounter } from './increase-fold.ts';
export { FOLD_VERSION, PartitionFold } from './partition-fold.ts';
export {
  loadMemory,
  loadPages,
  newPartitionHead,
  type FoldTables,
  type LoadedState,
  type PartitionHead,
} from './partition-state.ts';
export { lanesOf, type Target } from './series-placement.ts';
export { SideColumns } from './side-columns.ts';
export { WindowFold, type FoldMoment } from './window-fold.ts';
export { IdentityMemory } from '../memory/identity-memory.ts';
export { KeyIndex } from '../memory/key-index.ts';
export { ReceiverMemory } from '../memory/receiver-memory.ts';
export { SeriesCaches } from './series-caches.ts';
