import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What Node writes with `--cpu-prof`: a tree of calls, and which of its nodes was met when. */
export interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  readonly samples: readonly number[];
  /** Microseconds since the sample before. */
  readonly timeDeltas: readonly number[];
}

interface ProfileNode {
  readonly id: number;
  readonly callFrame: Readonly<{ functionName: string; url: string; lineNumber: number }>;
  readonly children?: readonly number[];
}

/** A function, called from the one above it. */
export interface Call {
  readonly name: string;
  /** Of itself alone, in microseconds. */
  selfUs: number;
  /** With what it called. */
  totalUs: number;
  readonly calls: Call[];
}

/** The profile of the thread that ran a file whose name ends so; undefined: none did. */
export async function findProfile(
  directory: string,
  fileEnd: string,
): Promise<CpuProfile | undefined> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.cpuprofile'));
  for (const name of names) {
    const profile = JSON.parse(await readFile(join(directory, name), 'utf8')) as CpuProfile;
    if (profile.nodes.some(({ callFrame }) => callFrame.url.endsWith(fileEnd))) return profile;
  }
  return undefined;
}

/** The tree of calls with their times; what the thread did not do (idle) is left out. */
export function callTree({ nodes, samples, timeDeltas }: CpuProfile): Call {
  const selfUs = new Map<number, number>();
  samples.forEach((id, i) => selfUs.set(id, (selfUs.get(id) ?? 0) + (timeDeltas[i] ?? 0)));
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const build = (node: ProfileNode): Call => {
    const calls = (node.children ?? [])
      .map((child) => build(byId.get(child)!))
      .filter(({ name, totalUs }) => totalUs > 0 && !NO_WORK.has(name));
    const own = selfUs.get(node.id) ?? 0;
    const totalUs = calls.reduce((sum, call) => sum + call.totalUs, own);
    return { name: nameOf(node), selfUs: own, totalUs, calls };
  };
  return build(nodes[0]!);
}

const NO_WORK = new Set(['(idle)', '(program)']);

function nameOf({ callFrame: { functionName, url, lineNumber } }: ProfileNode): string {
  const place = url.split('/').slice(-2).join('/');
  const name = functionName === '' ? '(anonymous)' : functionName;
  return place === '' ? name : `${name} ${place}:${lineNumber + 1}`;
}

/** Functions by the time that they took themselves, the dearest first. */
export function dearest(root: Call, count: number): [name: string, selfUs: number][] {
  const selfUs = new Map<string, number>();
  const visit = (call: Call): void => {
    selfUs.set(call.name, (selfUs.get(call.name) ?? 0) + call.selfUs);
    call.calls.forEach(visit);
  };
  visit(root);
  return [...selfUs].sort(([, a], [, b]) => b - a).slice(0, count);
}
