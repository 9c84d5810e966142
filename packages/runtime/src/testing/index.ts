export {
  unpackDebianPackages,
  unpackedPackages,
  type UnpackedPackages,
} from './debian-packages.ts';
export { findDebianProgram, type DebianProgram } from './debian-program.ts';
export { freePort } from './free-port.ts';
export { isMissing, reportMissing, type MissingService } from './missing-service.ts';
export { findDebianMirror, preparePrivateApt, whyNoApt, type PrivateApt } from './private-apt.ts';
export type { ProvidedService, ProvidedServices } from './provided-services.ts';
export {
  runCommand,
  runOrFail,
  type Command,
  type EndedCommand,
  type ProcessUser,
} from './run-command.ts';
export { findOnPath, type ProbedProgram } from './search-path.ts';
export { startServiceProcess, untilServing, type ServiceProcess } from './service-process.ts';
export { sleepUntil } from './sleep-until.ts';
export { cacheDirectory, prepareOnce } from './test-cache.ts';
export { startTcpProxy, type TcpProxy } from './tcp-proxy.ts';
