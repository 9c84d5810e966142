export {
  addressOf,
  batchOf,
  definitionOf,
  keyOf,
  labelsOf,
  pieceOf,
  samplesOf,
  seriesIdHex,
  seriesOf,
  totalsOf,
  type TestSample,
} from './entries.ts';
export type {
  ContentPiece,
  ContentSample,
  LedgerReason,
  StoreContents,
  StoreHarness,
} from './store-contents.ts';
export { describeStoreReader, type ReaderHarness } from './reader-contract.ts';
export { describeStore } from './store-contract.ts';
export { startTestPostgres, type TestPostgres } from './test-postgres.ts';
export type { TestDatabase, TestServer } from './test-server.ts';
