export type { Single } from './open-single.ts';
export { readSingleSettings, type SingleSettings } from './settings.ts';
export { startSingle, type SingleComponents } from './start-single.ts';
