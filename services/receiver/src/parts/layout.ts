/** What tells the series of a request's samples. */
export interface SeriesColumn {
  readonly samples: number;
  /** The number of each sample's series; undefined: 0, 1, 2, … */
  readonly column: Uint8Array | undefined;
}

/** What requests of the same series have in common: which of their samples go to which part. */
export interface Layout extends SeriesColumn {
  /** In the order in which they are cut. */
  readonly parts: readonly LayoutPart[];
}

/** A whole part: series by row, then samples. */
export interface LayoutPart {
  readonly partition: number;
  /** Whether it is the last of its partition. */
  isLast: boolean;
  readonly series: Uint32Array;
  /** Four words for each series. */
  readonly fingerprints: Uint32Array;
  readonly kinds: Uint8Array;
  /** Which sample of the request it is, and which row its series has. */
  readonly ordinals: Uint32Array;
  readonly rows: Uint32Array;
}
