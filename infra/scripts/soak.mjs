#!/usr/bin/env node
// `npm run soak`: the long tests, until their time is over or something breaks.
import './require-node.mjs';

const { runBuilt } = await import('./run-built.mjs');
await runBuilt({ project: 'test', entry: 'test/dist/e2e/soak.js', args: process.argv.slice(2) });
