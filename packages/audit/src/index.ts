export { audit, type AuditComponents, type AuditProgress } from './audit.ts';
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
