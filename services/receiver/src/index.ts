export type { ProducerIdentity } from './identity.ts';
export type { IncomingRequest, Protocol, Receipt } from './intake.ts';
export { openLog } from './open-log.ts';
export { OverloadError } from './overload-error.ts';
export type { RejectedSamples } from './rejections.ts';
export { createReceiver, type Receiver, type ReceiverComponents } from './receiver.ts';
export { DEFAULT_RECEIVER_SETTINGS, receiverSettings, type ReceiverSettings } from './settings.ts';
export type { StoredPositions } from './stored-positions.ts';
export type { Dependency, Health } from './http/health-routes.ts';
