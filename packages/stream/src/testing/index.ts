export { testStream, type OpenStream, type StreamUnderTest } from './stream-contract.testsuite.ts';
