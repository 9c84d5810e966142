import { formatLabels, sortLabels } from '@millrace/model';
import type { Colours } from './console-output.ts';
import type { ExplainedRule, ExplainedSample } from './explained-sample.ts';

/** What becomes of a sample, for people: the rules that fold it first. */
export function formatExplained(explained: ExplainedSample, colours: Colours): string {
  if (!explained.accepted) {
    const { reason, detail, remedy } = explained;
    const head = `${colours.red('refused')} by the receiver: ${reason}: ${detail}.`;
    return [head, `${colours.green('→')} ${remedy}`].join('\n');
  }
  const folding = explained.rules.filter(({ verdict }) => verdict === 'folds');
  const others = explained.rules.filter(({ verdict }) => verdict !== 'folds');
  const { version } = explained;
  const under = version === null ? 'rules of the file' : `rules of version ${version}`;
  return [
    ...headLines(explained, colours),
    '',
    colours.bold(under),
    ...folding.flatMap((rule) => foldingLines(rule, colours)),
    ...others.map(({ rule, reason }) => `${colours.yellow('-')} ${rule}: ${reason}`),
  ].join('\n');
}

function headLines(explained: ExplainedSample & { accepted: true }, colours: Colours): string[] {
  const { kind, time, hasOwnTime, fingerprint, seriesId, partition, partitions } = explained;
  const droppers = explained.droppedBy.join(', ');
  const what = explained.isDropped ? 'dropped altogether by' : 'dropped by';
  const raw = explained.keepRaw ? colours.green('kept') : colours.yellow(`${what} ${droppers}`);
  return [
    colours.bold(labelsText(explained.labels)),
    `  kind       ${kind}`,
    `  time       ${time}${hasOwnTime ? '' : ' (now: it has no time of its own, so its arrival counts)'}`,
    `  series_id  ${seriesId} (fingerprint ${fingerprint}, tenant ${explained.tenant})`,
    ...(partition === null ? [] : [`  partition  ${partition} of ${partitions}`]),
    `  raw        ${raw}`,
  ];
}

function foldingLines(explained: ExplainedRule, colours: Colours): string[] {
  const { rule, edition, output, windows = [], aggregates = [], notes = [] } = explained;
  const isSame = output?.isSameSeries === true;
  const into = isSame ? 'its own series' : labelsText(output?.labels ?? {});
  const width = Math.max(...windows.map((window) => window.width.length));
  return [
    `${colours.green('+')} ${rule}${edition === null ? '' : ` (edition ${edition})`}`,
    `    into     ${into}${isSame ? '' : ` (series_id ${output?.seriesId})`}`,
    ...windows.map((window, i) => {
      const title = i === 0 ? 'windows' : '';
      return `    ${title.padEnd(9)}${window.width.padEnd(width)} [${window.start}, ${window.end})`;
    }),
    `    folded   ${aggregates.join(', ')}`,
    ...notes.map((note) => `             ${note}`),
  ];
}

function labelsText(labels: Record<string, string>): string {
  return formatLabels(sortLabels(Object.entries(labels)));
}
