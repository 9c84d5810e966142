export { completingInThread, type CompletingThread } from '../threads/completing.ts';
export { createThreadLink } from '../threads/thread-link.ts';
