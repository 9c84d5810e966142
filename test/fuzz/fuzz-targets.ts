import type { FuzzTarget } from './fuzz-target.ts';
import { archiveManifest, s3Listing } from './targets/archive.ts';
import { backfillCsv, backfillJsonLines, backfillPromtool } from './targets/backfill.ts';
import { batch } from './targets/batch.ts';
import { kafkaFetched, kafkaRecords } from './targets/kafka.ts';
import { pushJson, pushMsgpack, pushNdjson } from './targets/push-bodies.ts';
import {
  checkpointRecord,
  controlRecord,
  eventsRecord,
  histogram,
  seriesRecord,
} from './targets/records.ts';
import { remoteWrite } from './targets/remote-write.ts';
import { compiledRules, ruleFile, selector } from './targets/rules.ts';
import { sealedSegment, segment } from './targets/segments.ts';
import { sketches } from './targets/sketches.ts';
import { snappy } from './targets/snappy.ts';
import { statePages } from './targets/state-pages.ts';
import { token } from './targets/token.ts';

/** Every reader of bytes that were written elsewhere, or at another time. */
export const fuzzTargets: readonly FuzzTarget[] = [
  remoteWrite,
  snappy,
  pushJson,
  pushNdjson,
  pushMsgpack,
  batch,
  eventsRecord,
  seriesRecord,
  controlRecord,
  checkpointRecord,
  histogram,
  ...sketches,
  compiledRules,
  ruleFile,
  selector,
  token,
  segment,
  sealedSegment,
  kafkaRecords,
  kafkaFetched,
  statePages,
  archiveManifest,
  s3Listing,
  backfillCsv,
  backfillJsonLines,
  backfillPromtool,
];
