/** A request of one sample for each of its series, made once and filled again and again. */
export interface RequestTemplate {
  readonly headers: Readonly<Record<string, string>>;
  /** How many samples a request carries. */
  readonly samples: number;
  /** Valid until the next `set`, and until more is known. */
  readonly body: Uint8Array<ArrayBuffer>;
  /** One that can be under way at the same time as this one. */
  clone(): RequestTemplate;
  /** Gives every series one sample of this time; `valueOf(i)` is the value of series i. */
  set(timestampMs: number, valueOf: (index: number) => number): void;
  /** Somebody took the request, as it is now. */
  acknowledged(): void;
  /** True when the refusal is mended by sending `body` again, which is another one since. */
  refused(status: number): boolean;
}
