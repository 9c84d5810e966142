export { startTimescaleServer, type TimescaleServer } from './timescale-server.ts';
export { startTestTimescale } from './test-timescale.ts';
