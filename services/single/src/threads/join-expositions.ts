const ABOUT = /^# (?:HELP|TYPE|UNIT) (\S+)/;

/**
 * Metrics of several threads that have the same names: in Prometheus' text format all samples of a
 * name stand together, and what it is about is said once.
 */
export function joinExpositions(texts: readonly string[]): string {
  const families = new Map<string, { about: Set<string>; samples: string[] }>();
  for (const text of texts) {
    let name = '';
    for (const line of text.split('\n')) {
      if (line === '') continue;
      name = ABOUT.exec(line)?.[1] ?? name;
      const family = families.get(name) ?? { about: new Set(), samples: [] };
      families.set(name, family);
      if (line.startsWith('#')) family.about.add(line);
      else family.samples.push(line);
    }
  }
  const lines = [...families.values()].flatMap(({ about, samples }) => [...about, ...samples]);
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}
