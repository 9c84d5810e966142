/** Bounds of one series' labels. Lengths are bytes of UTF-8. */
export interface LabelLimits {
  /** Labels of a series, `__name__` not counted. At most 254: records count labels in a byte. */
  labelsMax: number;
  nameBytesMax: number;
  labelNameBytesMax: number;
  labelValueBytesMax: number;
}

export const DEFAULT_LABEL_LIMITS: LabelLimits = {
  labelsMax: 64,
  nameBytesMax: 256,
  labelNameBytesMax: 256,
  labelValueBytesMax: 1024,
};
