export type {
  CandidateAnswer,
  CandidatesAnswer,
  JobsAnswer,
  ShownCandidate,
} from './rules/candidates-answer.ts';
export type { CheckpointsAnswer } from './http/checkpoints-route.ts';
export type { EventsAnswer } from './http/push-answer.ts';
export type { ProducerIdentity } from './requests/identity.ts';
export type { Protocol, PushedRequest, Receipt, ReceivedRequest } from './intake/intake.ts';
export { openLog, readLogIds } from './open-log.ts';
export { OverloadError } from './overload-error.ts';
export type { AcknowledgeBody } from './http/acknowledge-route.ts';
export type { RedriveBody } from './requests/redriven-sample.ts';
export type { RejectedSamples } from './requests/rejections.ts';
export { createReceiver, type Receiver, type ReceiverComponents } from './receiver.ts';
export type {
  RulesAnswer,
  RulesChangeAnswer,
  ShownPlan,
  ShownRule,
  VersionSummary,
} from './rules/rules-answer.ts';
export { DEFAULT_RECEIVER_SETTINGS, receiverSettings, type ReceiverSettings } from './settings.ts';
export type { StoredPositions } from './positions/stored-positions.ts';
export { receiverDefinition, type TunedReceiverSettings } from './settings-definition.ts';
