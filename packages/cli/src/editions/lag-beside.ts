/** Asks how far live results are behind; undefined: nobody can tell. */
export type AskLag = () => Promise<number | undefined>;

/** Asking the parts of a cluster takes a moment, and connections of its own. */
const ASK_MS = 5000;

/**
 * What was answered last, without waiting: it is asked again beside, now and then. Who cannot be
 * asked is passed over: that only tells how live results suffer.
 */
export function lagBeside(ask: AskLag, nowMs: () => number): () => number | undefined {
  let lagMs: number | undefined;
  let askedMs = -Infinity;
  let isAsking = false;
  const askAgain = async (): Promise<void> => {
    try {
      lagMs = await ask();
    } catch {
      lagMs = undefined;
    } finally {
      isAsking = false;
    }
  };
  return () => {
    if (!isAsking && nowMs() - askedMs >= ASK_MS) {
      askedMs = nowMs();
      isAsking = true;
      void askAgain();
    }
    return lagMs;
  };
}
