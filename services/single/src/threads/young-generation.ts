/**
 * Megabytes of a thread's young generation. Node's own default is four times as much and lies
 * idle: what is short-lived here are buffers, which live outside of the heap.
 */
export const YOUNG_GENERATION_MB_MAX = 12;
