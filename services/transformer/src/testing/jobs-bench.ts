import {
  beginCandidate,
  firstBarrierOf,
  openControl,
  type Candidate,
  type ControlParts,
} from '@millrace/control';
import { compileRules, type CompiledRules, type RuleFile } from '@millrace/rules';
import { createMeter, silentLog, systemClock, type Clock } from '@millrace/runtime';
import { MemoryPlacesDatabase, openMemoryStatePlaces } from '@millrace/state/memory';
import { TOPIC_EVENTS, TOPIC_SERIES, type Stream } from '@millrace/stream';
import { MemoryLog, openMemoryStream } from '@millrace/stream/memory';
import { compareAddress, type Address } from '@millrace/model';
import {
  decodeEventsRecord,
  decodeSeriesRecordHeader,
  DEFAULT_FOLD_SETTINGS,
  encodeEventsRecord,
  EventsRecordKind,
  FOLD_VERSION,
  jobSource,
  listEntries,
  type EventsRecord,
  type FoldSettings,
} from '@millrace/wire';
import type { Job } from '../jobs/job.ts';
import { createJobEvents } from '../jobs/job-events.ts';
import { DEFAULT_JOB_SETTINGS, type JobSettings } from '../jobs/job-settings.ts';
import { createJobs, type Jobs, type JobsComponents } from '../jobs/jobs.ts';
import { entryTexts, TEST_LOG_ID, type LoggedRecord } from './fold-run.ts';
import { runJob } from './job-run.ts';
import { liveRecord } from './live-record.ts';

/** Small and quick, so that a test sees many polls, records and commits. */
const QUICK: Partial<JobSettings> = {
  pollBytesMax: 2000,
  recordBytesMax: 1500,
  commitMs: 3,
  followMs: 5,
  publishedBytesPerSecondMax: 0,
};

/** A log with candidates, and jobs on it; in memory, which outlives them. */
export class JobsBench {
  readonly clock: Clock = systemClock;
  readonly log: MemoryLog;
  readonly stream: Stream;
  readonly database: MemoryPlacesDatabase = new MemoryPlacesDatabase();
  readonly partitions: number;
  /** Under which live folding has put out something; undefined: it has not. */
  logNumber: number | undefined = 1;

  constructor(partitions = 1) {
    this.partitions = partitions;
    const settings = { segmentBytes: 1, retentionMs: 0 };
    this.log = new MemoryLog({ partitions, clock: this.clock, settings });
    this.stream = openMemoryStream(this.log);
  }

  get parts(): ControlParts {
    return { stream: this.stream, clock: this.clock };
  }

  /** Begins the log under these rules. */
  async begin(file?: RuleFile, settings: Partial<FoldSettings> = {}): Promise<void> {
    const first = {
      ...{ rules: unnumbered(file), source: '', foldVersion: FOLD_VERSION },
      settings: { ...DEFAULT_FOLD_SETTINGS, ...settings },
    };
    const { inForce } = await openControl(this.parts, first);
    for (let partition = 0; partition < this.partitions; partition += 1) {
      this.append({ kind: EventsRecordKind.log, logId: TEST_LOG_ID }, partition);
      this.append(firstBarrierOf(inForce, this.partitions), partition);
      if (this.logNumber !== undefined) this.putOutLive(this.logNumber, partition);
    }
  }

  putOutLive(logNumber: number, partition = 0): void {
    this.log.partition(TOPIC_SERIES, partition).append(liveRecord(logNumber));
  }

  append(record: EventsRecord, partition = 0): void {
    this.log.partition(TOPIC_EVENTS, partition).append(encodeEventsRecord(record));
  }

  async beginCandidate(file: RuleFile, sinceUs: number): Promise<Candidate> {
    const wanted = { rules: unnumbered(file), source: '', sinceUs };
    return (await beginCandidate(this.parts, wanted)).candidate!;
  }

  start(
    settings: Partial<JobSettings> = {},
    parts: Readonly<Partial<Omit<JobsComponents, 'clock' | 'events'>>> = {},
  ): Jobs {
    return createJobs(
      {
        stream: this.stream,
        places: openMemoryStatePlaces(this.database),
        ...parts,
        clock: this.clock,
        events: createJobEvents(silentLog, createMeter()),
      },
      { ...DEFAULT_JOB_SETTINGS, ...QUICK, ...settings },
      Array.from({ length: this.partitions }, (_, partition) => partition),
    );
  }

  /**
   * All entries that anybody put out for a candidate, once each; throws when two disagree about
   * one, and when what was put out has a gap, as the writer would find it.
   */
  published(candidate: number, partition = 0): string[] {
    const texts = new Map<string, string>();
    let mark: Address = { offset: 0, ordinal: 0 };
    for (const { payload } of this.log.partition(TOPIC_SERIES, partition).read(0, Infinity)) {
      const { source, from, to } = decodeSeriesRecordHeader(payload);
      if (source !== jobSource(candidate)) continue;
      if (compareAddress(from, mark) > 0) throw new Error(`a gap before ${from.offset}`);
      if (compareAddress(to, mark) > 0) mark = to;
      const entries = listEntries(payload);
      for (const [i, text] of entryTexts(entries).entries()) {
        const { offset, ordinal } = entries[i]!.address;
        const address = `${offset}.${ordinal}`;
        const known = texts.get(address);
        if (known !== undefined && known !== text) throw new Error(`two entries at ${address}`);
        texts.set(address, text);
      }
    }
    return [...texts.values()];
  }

  /** What folding the past in one go puts out. */
  expected({ number, rules, sinceUs }: Candidate, partition = 0): string[] {
    const { partitions } = this;
    const job: Job = { candidate: number, rules, sinceUs, partitions };
    const records = this.log.partition(TOPIC_EVENTS, partition).read(0, Infinity);
    const logged = records.map(({ payload, appendTimeUs }): LoggedRecord => {
      return { record: decodeEventsRecord(payload), appendTimeUs };
    });
    const { entries, isOver } = runJob(job, logged, {});
    if (!isOver) throw new Error('the barrier is not there');
    return entryTexts(entries);
  }
}

function unnumbered(file: RuleFile | undefined): CompiledRules {
  return compileRules(file);
}
