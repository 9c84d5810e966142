/**
 * Heads of several partitions fill alike, as series are spread over them alike: each of them would
 * be full in the same second. To pack one takes the database half a second of a processor, all of
 * them together whatever there is, and whoever waits for an acknowledgement waits for them.
 */
export class PackTurns {
  #last: Readonly<{ partition: number; takenUs: number }> | undefined;

  /**
   * Whether it is this partition's turn: no other one had it less than `apartMs` ago. Then it is
   * taken. What is done with it is nobody's business: it passes on by itself.
   */
  take(partition: number, nowUs: number, apartMs: number): boolean {
    const last = this.#last;
    if (last !== undefined && last.partition !== partition) {
      const agoUs = nowUs - last.takenUs;
      // A clock that was set back lets nobody wait until it has caught up.
      if (agoUs >= 0 && agoUs < apartMs * 1000) return false;
    }
    this.#last = { partition, takenUs: nowUs };
    return true;
  }
}
