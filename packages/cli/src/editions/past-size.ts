import { errorKind, MillraceError } from '@millrace/runtime';
import { parseWidth, type CompiledRules } from '@millrace/rules';
import type { PreviewReport } from '../preview/preview-report.ts';
import { preview, type PreviewComponents } from '../preview/preview.ts';

/** What the past under some rules takes up, in bytes, by where it lies. */
export interface PastSize {
  /** Rows of `windows`, with their index. */
  store: number;
  /** The same windows in `metrics.series`, on their way there. */
  log: number;
  /** Days of history that log and archive hold of what is asked for. */
  days: number;
}

const DAY_US = 86_400_000_000;
/** Of so many samples it is seen how large windows are: the start of the range, in each partition. */
const SAMPLES_MAX = 1_000_000;
const SECONDS_MAX = 15;

/**
 * Folds some of the range in memory, and reckons what all of it takes up. Undefined: there is
 * nothing to go by.
 *
 * @throws what the log throws.
 */
export async function pastSize(
  components: PreviewComponents,
  file: Readonly<{ rules: CompiledRules; source: string }>,
  { sinceUs, nowUs }: Readonly<{ sinceUs: number; nowUs: number }>,
): Promise<PastSize | undefined> {
  const settings = { sinceUs, samplesMax: SAMPLES_MAX, seconds: SECONDS_MAX };
  try {
    return sizeOf(await preview(components, file, settings), nowUs);
  } catch (error) {
    // The log reaches not so far back, or a bound was met first: whoever begins is told of it.
    if (errorKind(error) === 'permanent' && isOfPreview(error)) return undefined;
    throw error;
  }
}

/**
 * Every window that reaches into the range is folded as a whole. The range is what there is of it:
 * a log may be much younger than what is asked for.
 */
export function sizeOf(
  { rules, partitions }: Readonly<Pick<PreviewReport, 'rules' | 'partitions'>>,
  nowUs: number,
): PastSize {
  const held = partitions.filter(({ samples }) => samples > 0);
  const rangeUs = Math.max(0, ...held.map(({ from }) => nowUs - Date.parse(from) * 1000));
  let store = 0;
  for (const { widths } of rules) {
    for (const { width, bytesPerDay } of widths) {
      store += bytesPerDay * ((rangeUs + widthUsOf(width)) / DAY_US);
    }
  }
  // A row of the database has as much around its values as an entry of the log has.
  return { store, log: store, days: rangeUs / DAY_US };
}

function widthUsOf(text: string): number {
  const parsed = parseWidth(text);
  if (!parsed.ok) throw new Error(`a preview told of windows that are ${text} wide`);
  return parsed.us;
}

function isOfPreview(error: unknown): boolean {
  return error instanceof MillraceError && error.code.startsWith('PREVIEW_');
}
