import type { StatePositionReader, StateStore } from './state.ts';

/**
 * States beside the live ones, under numbers of their own: each place holds one of every partition.
 * They are as durable as the live ones, and share nothing with them.
 */
export interface StatePlaces {
  /** The store of a place, made when there is none; the same one for as long as it is open. */
  at(place: number): Promise<StateStore & StatePositionReader>;
  /**
   * Forgets what a place holds of some partitions: where they are all of one machine, the place
   * itself, when it is empty. May be repeated. Nobody may use them meanwhile, or afterwards.
   */
  remove(place: number, partitions: readonly number[]): Promise<void>;
  /** Closes the stores of all places. */
  close(): Promise<void>;
}
