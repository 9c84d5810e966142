import type { PlanChanges } from '../sim-plan.ts';

/** A production source that is broken on purpose, in one way. */
export interface Mutant {
  name: string;
  patches: readonly Patch[];
  /** Where it is looked for: what makes the rare case of it a frequent one. */
  emphasis?: PlanChanges;
}

export interface Patch {
  /** Path from the root of the repository. */
  file: string;
  /** Occurs once in the file. */
  text: string;
  replacement: string;
}

/** @throws Error when a text is not there exactly once: the mutant is out of date. */
export function patched(code: string, patches: readonly Patch[]): string {
  let result = code;
  for (const { file, text, replacement } of patches) {
    const times = result.split(text).length - 1;
    if (times !== 1) throw new Error(`${file} has ${times} times: ${text}`);
    result = result.replace(text, () => replacement);
  }
  return result;
}
