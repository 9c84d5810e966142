#!/usr/bin/env node
// `npm start`: from a fresh clone to a running Millrace, with nothing but Node installed.
import './require-node.mjs';

const { runBuilt } = await import('./run-built.mjs');
await runBuilt({
  project: 'packages/cli',
  entry: 'packages/cli/dist/main.js',
  args: ['up', ...process.argv.slice(2)],
});
