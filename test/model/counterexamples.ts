import { explore } from './explore.ts';
import { MUTATIONS, type Mutation } from './step.ts';
import type { Extent } from './protocol-world.ts';

/** The smallest extent in which each mutation shows, and whether only by what never ends. */
const WHERE: Readonly<Record<Mutation, Extent & Readonly<{ isLive: boolean }>>> = {
  'commit before the series ack': { owners: 1, writers: 1, faults: 0, isLive: false },
  'append not sent again': { owners: 1, writers: 1, faults: 1, isLive: false },
  'empty range not published': { owners: 1, writers: 1, faults: 1, isLive: true },
  'published mark in the state': { owners: 1, writers: 1, faults: 1, isLive: false },
  'state committed without comparing': { owners: 1, writers: 1, faults: 1, isLive: false },
  'mark moved over a gap': { owners: 1, writers: 2, faults: 1, isLive: true },
  'mark moved without comparing': { owners: 1, writers: 2, faults: 0, isLive: false },
  'mark compared after the entries': { owners: 1, writers: 2, faults: 0, isLive: false },
  'record applied from its start': { owners: 1, writers: 1, faults: 1, isLive: false },
};

const DEPTH_MAX = 20;
const WORLDS_MAX = 500_000;

export const HEADING = `# How a broken commit protocol shows

Written by the test of the model. Each way to break the protocol, and the shortest run in which it
is seen. Where nothing is wrong yet but never comes right, what comes after is a fair continuation
("then"): nothing goes wrong any more, and still not everything is stored.
`;

/** For each mutation that is found out, how: as a section of a page. */
export function counterexamples(): { mutation: Mutation; text: string }[] {
  return MUTATIONS.flatMap((mutation) => {
    const bounds = { ...WHERE[mutation], mutation, depthMax: DEPTH_MAX, worldsMax: WORLDS_MAX };
    const { counterexample, worlds } = explore(bounds);
    if (counterexample === undefined) return [];
    const lines = counterexample.steps.map((step, i) => `${i + 1}. ${step}`);
    const seen = `Found after ${worlds.toLocaleString('en-US')} worlds.`;
    const parts = [`## ${mutation}`, `${counterexample.what} ${seen}`, lines.join('\n')];
    return [{ mutation, text: `${parts.join('\n\n')}\n` }];
  });
}
