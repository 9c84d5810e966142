export { appendCheckpoint } from './append-checkpoint.ts';
