export { audit } from './audit.ts';
export type { AuditComponents, AuditProgress } from './audit-parts.ts';
export { AUDIT_DEFAULTS, type AuditSettings } from './audit-settings.ts';
export {
  FINDING_KINDS,
  formatTimeUs,
  type AuditReport,
  type Finding,
  type FindingKind,
  type LedgerReport,
  type PartitionReport,
} from './report.ts';
export {
  REPLAYED_TABLES,
  type DifferenceCounts,
  type ReplayedTable,
} from './replay/differences.ts';
export {
  replay,
  REPLAY_DEFAULTS,
  type ReplayComponents,
  type ReplayReport,
  type ReplaySettings,
} from './replay/replay.ts';
