import {
  errorKind,
  settlesWithin,
  Turns,
  type Clock,
  type JobStatus,
  type MillraceError,
} from '@millrace/runtime';
import {
  candidatesWithJobs,
  HistoryReader,
  JOB_OVER_POSITION,
  type Candidate,
  type RulesHistory,
} from '@millrace/control';
import type { StatePlaces } from '@millrace/state';
import type { Stream } from '@millrace/stream';
import type { JobEvents, JobKey } from './job-events.ts';
import { JobOwner } from './job-owner.ts';
import type { JobSettings } from './job-settings.ts';

export interface JobsComponents {
  stream: Stream;
  places: StatePlaces;
  clock: Clock;
  events: JobEvents;
  /** Whether what arrives gets on slowly: then jobs hold back. Left out: nobody knows. */
  isPressed?: () => boolean;
  /** Why there is no room for what jobs write; left out: nobody knows. */
  whyFull?: () => MillraceError | undefined;
}

/** The jobs of all candidates in the partitions that are owned here. */
export interface Jobs {
  /** Resolves when stopped. It never rejects. */
  run(): Promise<void>;
  /** From now on those of these partitions and no others; resolves when the others have ended. */
  own(partitions: readonly number[]): Promise<void>;
  stop(): Promise<void>;
  /** Gives up at once, as a crash would. */
  kill(): Promise<void>;
  statuses(): JobStatus[];
  /** Below it no job of the partition needs an event any more, as far as it is known. */
  heldFrom(partition: number): number;
  /** Whether all that there is to do is done, and it was looked what that is. */
  isIdle(): boolean;
}

interface Lane {
  owner: JobOwner;
  over: Promise<void>;
}

export function createJobs(
  components: JobsComponents,
  settings: JobSettings,
  partitions: readonly number[] = [],
): Jobs {
  return new OpenJobs(components, settings, partitions);
}

class OpenJobs implements Jobs {
  readonly #components: JobsComponents;
  readonly #settings: JobSettings;
  readonly #reader: HistoryReader;
  readonly #parts: ConstructorParameters<typeof JobOwner>[2];
  readonly #lanes = new Map<string, Lane>();
  /** Of what nothing is kept here any more: candidate and partition. */
  readonly #removed = new Set<string>();
  readonly #stopping = new AbortController();
  #owned: ReadonlySet<number>;
  #history: RulesHistory | undefined;
  #running: Promise<void> | undefined;
  /** One after the other: what is to be, and what is owned, change at any time. */
  #settling: Promise<void> = Promise.resolve();
  #isFailing = false;

  constructor(components: JobsComponents, settings: JobSettings, partitions: readonly number[]) {
    this.#components = components;
    this.#settings = settings;
    this.#owned = new Set(partitions);
    this.#reader = new HistoryReader(components.stream);
    this.#parts = {
      ...components,
      settings,
      producer: components.stream.producer(),
      turns: new Turns(settings.atOnceMax),
      order: () => ({ isPaused: false, samplesPerSecondMax: 0 }),
    };
  }

  run(): Promise<void> {
    return (this.#running ??= this.#run());
  }

  async own(partitions: readonly number[]): Promise<void> {
    this.#owned = new Set(partitions);
    await this.#settle();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#settle();
    await this.#running;
  }

  async kill(): Promise<void> {
    this.#stopping.abort();
    for (const { owner } of this.#lanes.values()) owner.kill();
    await this.stop();
  }

  statuses(): JobStatus[] {
    const statuses = [...this.#lanes.values()].map(({ owner }) => owner.status);
    return statuses.toSorted((a, b) => a.candidate - b.candidate || a.partition - b.partition);
  }

  heldFrom(partition: number): number {
    if (this.#history === undefined) return 0;
    const held = this.#wanted().filter((key) => key.partition === partition);
    return Math.min(Infinity, ...held.map((key) => this.#heldBy(key)));
  }

  isIdle(): boolean {
    if (this.#history === undefined) return false;
    return this.#wanted().every((key) => {
      return this.#lanes.get(nameOf(key))?.owner.status.state === 'over';
    });
  }

  #heldBy(key: JobKey): number {
    const position = this.#lanes.get(nameOf(key))?.owner.status.committedPosition ?? 0;
    return position === JOB_OVER_POSITION ? Infinity : position;
  }

  async #run(): Promise<void> {
    const { clock } = this.#components;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await this.#follow();
      await clock.sleep(this.#settings.followMs, signal).catch(() => undefined);
    }
    await this.#settle();
    await this.#parts.producer.close();
  }

  /** Looks which jobs there are to be. */
  async #follow(): Promise<void> {
    const { events } = this.#components;
    const { signal } = this.#stopping;
    try {
      this.#history = await this.#reader.read(signal);
      await this.#settle();
      await this.#removeGone();
      this.#isFailing = false;
    } catch (error) {
      if (signal.aborted && errorKind(error) === 'aborted') return;
      if (!this.#isFailing) events.followFailed(error);
      this.#isFailing = true;
    }
  }

  async #settle(): Promise<void> {
    const settling = this.#settling.then(() => this.#settleNow());
    this.#settling = settling.catch(() => undefined);
    await settling;
  }

  /** Ends those that are not to be any more, and begins those that are missing. */
  async #settleNow(): Promise<void> {
    const wanted = this.#stopping.signal.aborted ? [] : this.#wanted();
    const names = new Set(wanted.map(nameOf));
    const ending = [...this.#lanes].filter(([name]) => !names.has(name));
    await Promise.all(ending.map(([name, lane]) => this.#letGo(name, lane)));
    if (this.#running === undefined) return;
    for (const key of wanted) if (!this.#lanes.has(nameOf(key))) this.#begin(key);
  }

  #wanted(): JobKey[] {
    const newest = this.#history?.newest;
    return candidatesWithJobs(newest?.candidates ?? []).flatMap(({ number: candidate }) =>
      [...this.#owned].toSorted((a, b) => a - b).map((partition) => ({ candidate, partition })),
    );
  }

  #begin(key: JobKey): void {
    const { rules, sinceUs } = this.#candidateOf(key);
    const { partitions } = this.#components.stream;
    const order = (): ReturnType<RulesHistory['jobsOrder']> =>
      this.#history!.jobsOrder(key.candidate);
    const job = { candidate: key.candidate, rules, sinceUs, partitions };
    const owner = new JobOwner(key, job, { ...this.#parts, order });
    this.#lanes.set(nameOf(key), { owner, over: owner.run() });
  }

  #candidateOf({ candidate }: JobKey): Candidate {
    return this.#history!.newest!.candidates.find(({ number }) => number === candidate)!;
  }

  async #letGo(name: string, { owner, over }: Lane): Promise<void> {
    const { clock, events } = this.#components;
    owner.stop();
    if (!(await settlesWithin(clock, this.#settings.stopMsMax, over))) owner.kill();
    this.#lanes.delete(name);
    events.gone(owner.key);
  }

  /** What was kept of candidates that are none any more, in the partitions that are owned. */
  async #removeGone(): Promise<void> {
    const { places, events } = this.#components;
    const history = this.#history!;
    const now = new Set(candidatesWithJobs(history.newest?.candidates ?? []).map(numberOf));
    const ever = history.versions.flatMap(({ candidates }) => candidatesWithJobs(candidates));
    const partitions = [...this.#owned];
    for (const candidate of new Set(ever.map(numberOf))) {
      if (now.has(candidate)) continue;
      const left = partitions.filter((partition) => {
        return !this.#removed.has(nameOf({ candidate, partition }));
      });
      if (left.length === 0) continue;
      await places.remove(candidate, left);
      for (const partition of left) this.#removed.add(nameOf({ candidate, partition }));
      events.removed(candidate);
    }
  }
}

const numberOf = ({ number }: Candidate): number => number;

function nameOf({ candidate, partition }: JobKey): string {
  return `${candidate}/${partition}`;
}
