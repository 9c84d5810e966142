import { DEFAULT_LABEL_LIMITS, type LabelLimits } from '../samples/label-limits.ts';

/** Bounds of one push request beside its size. */
export interface PushLimits extends LabelLimits {
  samplesMax: number;
  /** Bytes of one sample as sent: it is the most that is ever held as objects at once. */
  sampleBytesMax: number;
  /** Levels of nesting in a sample; its labels are the second. */
  depthMax: number;
  idBytesMax: number;
}

export const DEFAULT_PUSH_LIMITS: PushLimits = {
  ...DEFAULT_LABEL_LIMITS,
  samplesMax: 1_000_000,
  // The longest labels that the limits let through, every character escaped as \uXXXX.
  sampleBytesMax: 1024 * 1024,
  depthMax: 8,
  idBytesMax: 256,
};
