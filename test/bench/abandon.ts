type Undo = () => Promise<unknown>;

const undos = new Set<Undo>();

/** What has to be undone when the bench is cut short; `over` when it has been undone anyway. */
export function onAbandon(undo: Undo): { over(): void } {
  undos.add(undo);
  return { over: () => void undos.delete(undo) };
}

/** Newest first; whatever fails is left behind. */
export async function abandonAll(): Promise<void> {
  for (const undo of [...undos].reverse()) await undo().catch(() => undefined);
  undos.clear();
}
