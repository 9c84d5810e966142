import type { PartitionGroupSettings } from '../../partition-group.ts';
import type { KafkaSettings } from '../client/kafka-settings.ts';

export interface KafkaPartitionGroupSettings
  extends PartitionGroupSettings, Pick<KafkaSettings, 'connectMs' | 'requestMs'> {
  groupId: string;
  /** Whose partitions are shared, with its prefix. */
  topic: string;
  /** P. */
  partitions: number;
  /** A member that was silent for so long has lost what it had. */
  sessionMs: number;
  /** How often a member says that it is there; it hears of changes then. */
  heartbeatMs: number;
  /** How long `leave` waits for the group to hear of it. */
  leaveMsMax: number;
}

export const DEFAULT_KAFKA_GROUP_SETTINGS: Pick<
  KafkaPartitionGroupSettings,
  'letGoMsMax' | 'sessionMs' | 'heartbeatMs' | 'leaveMsMax' | 'connectMs' | 'requestMs'
> = {
  letGoMsMax: 10_000,
  sessionMs: 10_000,
  heartbeatMs: 1000,
  leaveMsMax: 2000,
  connectMs: 5000,
  requestMs: 10_000,
};
