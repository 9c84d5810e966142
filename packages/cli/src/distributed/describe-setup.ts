import type { SetupReport } from './set-up.ts';

/** For people: one line for each thing, what it is and what was, or would be, done. */
export function describeSetup(report: SetupReport): string[] {
  const { topics, log, store } = report;
  const lines = topics.map(
    (change) => `topic ${change.topic}: ${describeTopic(change, report.plan)}`,
  );
  lines.push(`log: ${describeLog(log, report.plan)}`);
  if (store === undefined) {
    lines.push('store: left alone, because no database was named (DATABASE_URL).');
  } else {
    const { layout, reason, steps } = store;
    lines.push(`store: ${layout}, because ${reason}; ${describeSteps(steps, report.plan)}`);
  }
  return lines;
}

type TopicChange = SetupReport['topics'][number];

function describeTopic(change: TopicChange, isPlan: boolean): string {
  const { action, partitions, replicas, configs } = change;
  const has = `${count(partitions, 'partition')}, ${count(replicas, 'copy', 'copies')} of each`;
  switch (action) {
    case 'create':
      return `${isPlan ? 'would be made' : 'was made'} with ${has}.`;
    case 'change': {
      const set = Object.entries(configs).map(([name, value]) => `${name}=${value}`);
      return `${isPlan ? 'would get' : 'got'} ${set.join(', ')}; it has ${has}.`;
    }
    case 'keep':
      return `is right, with ${has}.`;
  }
}

function describeLog({ begun, rules }: SetupReport['log'], isPlan: boolean): string {
  const parts: string[] = [];
  if (begun.length > 0) {
    const what = `${count(begun.length, 'partition')} ${isPlan ? 'would be' : 'were'} begun`;
    parts.push(what);
  }
  if (rules !== undefined) {
    const named = rules.length === 0 ? 'the roll-ups alone' : `the rules ${rules.join(', ')}`;
    parts.push(`${named} ${isPlan ? 'would come' : 'came'} into force`);
  }
  return parts.length === 0 ? 'it is begun; the rules in force stay.' : `${parts.join('; ')}.`;
}

function describeSteps(steps: readonly string[], isPlan: boolean): string {
  if (steps.length === 0) return 'its tables are right.';
  return `${isPlan ? 'would be done' : 'done'}: ${steps.join(', ')}.`;
}

function count(n: number, one: string, many = `${one}s`): string {
  return `${n} ${n === 1 ? one : many}`;
}
