// A thread that looks after the one that reads: when that hangs, or takes the machine's memory, it
// writes down the input that did it and ends the process. Nothing else could.
import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { workerData } from 'node:worker_threads';

const { head, input, directory, hangMs, rssBytesMax } = workerData;
/** 0: started (1) or idle (0). 1: number of the input. 2: its bytes. 3: bytes of its name. */
const state = new Int32Array(head);
const bytes = new Uint8Array(input);

let seen = -1;
let sinceMs = performance.now();
for (;;) {
  await sleep(100);
  const isIdle = Atomics.load(state, 0) === 0;
  const number = Atomics.load(state, 1);
  if (isIdle || number !== seen) {
    seen = number;
    sinceMs = performance.now();
    if (isIdle) continue;
  }
  const isHanging = performance.now() - sinceMs > hangMs;
  const rssBytes = process.memoryUsage.rss();
  if (!isHanging && rssBytes <= rssBytesMax) continue;
  const length = Atomics.load(state, 2);
  const name = Buffer.from(bytes.slice(length, length + Atomics.load(state, 3))).toString();
  const property = isHanging ? 'hang' : 'memory';
  const path = `${directory}/${name}.${property}.hex`;
  writeFileSync(path, `${Buffer.from(bytes.slice(0, length)).toString('hex')}\n`);
  process._rawDebug(`${name}: ${property}, ${length} bytes, kept in ${path}`);
  process.kill(process.pid, 'SIGKILL');
}
