import { readdirSync, readFileSync } from 'node:fs';

/** What a process, or a tree of them, has used. */
export interface ProcessFigures {
  cpuSeconds: number;
  rssBytes: number;
  /** Of it pages of files: the kernel takes them back when it wants memory. Not told of a tree. */
  fileBytes?: number;
}

/** Of /proc/PID/stat, counted from the state, which is the first field behind the name. */
const PARENT = 1;
const CPU_TICKS = { own: [11, 12], withReaped: [11, 12, 13, 14] } as const;
/** Linux tells user space so whatever the kernel's own tick is. */
const TICKS_PER_SECOND = 100;

/** Figures of one process with all its threads; undefined where /proc is missing, or it is gone. */
export function figuresOf(pid: number): ProcessFigures | undefined {
  const cpuSeconds = readCpuSeconds(pid, CPU_TICKS.own);
  if (cpuSeconds === undefined) return undefined;
  const { own, shared, files } = readMemory(pid);
  return { cpuSeconds, rssBytes: own + shared, fileBytes: files };
}

/**
 * Sums over everything that descends from `pid`, itself left out; what ended meanwhile is counted
 * by its parent. Memory that they share is counted once, as far as can be told.
 */
export function figuresOfDescendants(pid: number): ProcessFigures {
  let cpuSeconds = 0;
  const sum = { own: 0, shared: 0 };
  for (const descendant of descendantsOf(pid)) {
    cpuSeconds += readCpuSeconds(descendant, CPU_TICKS.withReaped) ?? 0;
    const { own, shared } = readMemory(descendant);
    sum.own += own;
    sum.shared = Math.max(sum.shared, shared);
  }
  return { cpuSeconds, rssBytes: sum.own + sum.shared };
}

function readCpuSeconds(pid: number, fields: readonly number[]): number | undefined {
  const stat = readStat(pid);
  if (stat === undefined) return undefined;
  return fields.reduce((sum, field) => sum + Number(stat[field]), 0) / TICKS_PER_SECOND;
}

/** Resident bytes: of the process alone, and of files and segments that others map as well. */
interface Memory {
  own: number;
  shared: number;
  /** Of the shared ones. */
  files: number;
}

function readMemory(pid: number): Memory {
  const status = readProc(`${pid}/status`) ?? '';
  const bytes = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1] ?? 0) * 1024;
  const files = bytes('RssFile');
  return { own: bytes('RssAnon'), shared: files + bytes('RssShmem'), files };
}

function descendantsOf(pid: number): number[] {
  const childrenOf = new Map<number, number[]>();
  for (const name of readProcDirectory()) {
    const parent = Number(readStat(Number(name))?.[PARENT]);
    childrenOf.set(parent, [...(childrenOf.get(parent) ?? []), Number(name)]);
  }
  const found: number[] = [];
  const visit = (parent: number): void => {
    for (const child of childrenOf.get(parent) ?? []) {
      found.push(child);
      visit(child);
    }
  };
  visit(pid);
  return found;
}

function readProcDirectory(): string[] {
  try {
    return readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  } catch (error) {
    if (isGone(error)) return [];
    throw error;
  }
}

/** The name may hold spaces and parentheses: what follows its last one is fields. */
function readStat(pid: number): string[] | undefined {
  const text = readProc(`${pid}/stat`);
  return text?.slice(text.lastIndexOf(')') + 2).split(' ');
}

function readProc(path: string): string | undefined {
  try {
    return readFileSync(`/proc/${path}`, 'utf8');
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

function isGone(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ESRCH';
}
