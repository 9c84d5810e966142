import { bytes, integer, type SettingsDefinition } from '@millrace/runtime';
import { DEFAULT_RECEIVER_SETTINGS, type ReceiverSettings } from './settings.ts';

/** Those that people set; all others have their defaults. */
export type TunedReceiverSettings = Pick<
  ReceiverSettings,
  'requestBytesMax' | 'decodedBytesMax' | 'inFlightBytesMax' | 'connectionsMax'
>;

const KIB = 1024;
const MIB = KIB * KIB;
const GIB = KIB * MIB;

export const receiverDefinition: SettingsDefinition<TunedReceiverSettings> = {
  requestBytesMax: bytes({
    default: DEFAULT_RECEIVER_SETTINGS.requestBytesMax,
    min: KIB,
    max: GIB,
    help: "A request's body as it comes over the wire.",
  }),
  decodedBytesMax: bytes({
    default: DEFAULT_RECEIVER_SETTINGS.decodedBytesMax,
    min: KIB,
    max: GIB,
    help: 'The same body without its compression.',
  }),
  inFlightBytesMax: bytes({
    default: DEFAULT_RECEIVER_SETTINGS.inFlightBytesMax,
    min: MIB,
    max: 64 * GIB,
    help: 'Bytes of all requests that are not answered yet; beyond, 503.',
  }),
  connectionsMax: integer({
    default: DEFAULT_RECEIVER_SETTINGS.connectionsMax,
    min: 1,
    max: 100_000,
    help: 'Connections of senders at once.',
  }),
};
