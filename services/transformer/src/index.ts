export type { MakeCheckpoint } from './checkpoints.ts';
export { describeState } from './describe-state.ts';
export { STATE_VERSIONS_READ } from './fold/partition-state.ts';
export { acceptNewLog, type AcceptedLog } from './accept-new-log.ts';
export { FOLD_VERSION } from './fold/partition-fold.ts';
export { DEFAULT_TRANSFORMER_SETTINGS, type TransformerSettings } from './settings.ts';
export { LIVE_SOURCE } from './take-over.ts';
export { createTransformer, type Transformer, type TransformerComponents } from './transformer.ts';
export { transformerDefinition, type TunedTransformerSettings } from './settings-definition.ts';
