import type { StoreBatch } from '../../store.ts';
import { BinaryWriter } from '../connection/binary-writer.ts';
import { OrderRoom } from '../samples/order-room.ts';
import { letRowsGo } from '../samples/row-room.ts';
import { SampleBuffers } from '../samples/sample-buffers.ts';

/** What a batch needs while it is applied, and nobody after it. */
export interface Scratch {
  buffers: SampleBuffers;
  writer: BinaryWriter;
  /** Where packs are put in order: asked for by batches that pack. */
  room(): OrderRoom;
  /** After an error it is not given back: the driver may still be sending what lies there. */
  giveBack(): void;
}

type Held = Pick<Scratch, 'buffers' | 'writer'>;

/**
 * Half of what the writer puts into a usual batch: what comes at a usual rate has fewer, and its
 * memory stays small.
 */
const LARGE_SAMPLES = 300_000;
/** As many as a thread puts in order at a time: another one is mapped when it is needed. */
const LARGE_ROOMS_MAX = 1;

/** So many batches in turn that need nothing of large ones: what those had is let go. */
const TURNS_MAX = 64;

/**
 * What nobody uses. Each is as large as the largest batch that it was used for, so that large ones,
 * of which few are applied at a time, have their own; and only as many rooms are made as ever
 * packed at the same time. The first batches of a backlog pack in all partitions at once: of the
 * large rooms that they leave behind one is kept. What a backlog needed goes when it is over.
 */
export class ScratchPool {
  readonly #usual: Held[] = [];
  readonly #large: Held[] = [];
  readonly #rooms: OrderRoom[] = [];
  #turns = 0;

  take(batch: StoreBatch): Scratch {
    const needsMuch = isLarge(batch);
    const unused = needsMuch ? this.#large : this.#usual;
    this.#turns = needsMuch ? 0 : this.#turns + 1;
    if (this.#turns === TURNS_MAX) this.#letGo();
    const held = unused.pop() ?? { buffers: new SampleBuffers(), writer: new BinaryWriter() };
    let room: OrderRoom | undefined;
    return {
      ...held,
      room: () => (room ??= this.#takeRoom()),
      giveBack: () => {
        unused.push(held);
        if (room !== undefined) this.#keepRoom(room);
      },
    };
  }

  /** The largest, so that the others stay as small as they are. */
  #takeRoom(): OrderRoom {
    this.#rooms.sort((a, b) => a.rowsMax - b.rowsMax);
    return this.#rooms.pop() ?? new OrderRoom();
  }

  #keepRoom(room: OrderRoom): void {
    this.#rooms.push(room);
    const large = this.#rooms.filter(({ rowsMax }) => rowsMax > LARGE_SAMPLES);
    if (large.length <= LARGE_ROOMS_MAX) return;
    const smallest = large.reduce((a, b) => (b.rowsMax < a.rowsMax ? b : a));
    this.#rooms.splice(this.#rooms.indexOf(smallest), 1);
  }

  /** What is in use comes back, and stays until as many turns have passed again. */
  #letGo(): void {
    this.#turns = 0;
    this.#large.length = 0;
    this.#rooms.length = 0;
    letRowsGo();
  }
}

function isLarge({ chunks }: StoreBatch): boolean {
  return chunks.reduce((count, { samples }) => count + samples.count, 0) > LARGE_SAMPLES;
}
