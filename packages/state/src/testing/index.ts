export { describeStateStore, type StateHarness } from './state-contract.ts';
