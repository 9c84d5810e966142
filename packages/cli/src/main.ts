#!/usr/bin/env node
import { endWhenUnread, watchTerminals } from './output-gone.ts';
import { runCli } from './run-cli.ts';

const { stdout, stderr } = process;
const args = process.argv.slice(2);
const endWithTerminal = watchTerminals();
endWhenUnread({ command: args[0], stdout, stderr, exit: (code) => process.exit(code) });
process.exitCode = await runCli({ args, environment: process.env, stdout, stderr });
endWithTerminal();
