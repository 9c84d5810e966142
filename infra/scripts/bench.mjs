#!/usr/bin/env node
// `npm run bench`: prints figures, asserts none.
import './require-node.mjs';

const { runBuilt } = await import('./run-built.mjs');
await runBuilt({ project: 'test', entry: 'test/dist/bench/main.js', args: process.argv.slice(2) });
