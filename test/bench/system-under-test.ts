import type { LoadProtocol, LoadResult, LoadSettings } from '../load/load-run.ts';

/** What the bench needs to know of a system that takes samples. */
export interface SystemUnderTest {
  readonly name: string;
  readonly url: string;
  readonly path: string;
  /** What it takes there; left out: remote write. */
  readonly protocol?: LoadProtocol;
  /** Each part's figures since its start. */
  figures(): Readonly<Record<string, PartFigures>>;
  /** Processor seconds of each stage's thread since its start, where stages share a process. */
  stageSeconds?(): Promise<Readonly<Record<string, number>>>;
  /** Resolves when everything acknowledged can be queried. */
  untilVisible(load: LoadSettings, result: LoadResult): Promise<void>;
  /** Resolves when nothing is under way any more that comes of what was sent. */
  untilSettled?(): Promise<void>;
  /** How many bytes are kept, by where. */
  bytesKept(): Promise<Readonly<Record<string, number>>>;
  /** Rows of windows that were written since the start; what is open is written again and again. */
  windowRows?(): Promise<WindowRows>;
  /** Why what is stored is not what was acknowledged; empty when it is. */
  faults(load: LoadSettings, result: LoadResult): Promise<string[]>;
  stop(): Promise<void>;
}

export interface WindowRows {
  final: number;
  open: number;
}

export interface PartFigures {
  cpuSeconds: number;
  rssBytes: number;
  fileBytes?: number;
}

/** Starts a system on an empty directory. */
export interface SystemMaker<T extends SystemUnderTest = SystemUnderTest> {
  readonly name: string;
  start(options?: StartOptions): Promise<T>;
}

export interface StartOptions {
  /** Where Node writes a CPU profile of each thread when the system stops. */
  readonly profileDirectory?: string | undefined;
  /** The rule file that is in force from the start; of Millrace as one process. */
  readonly rules?: string | undefined;
}
