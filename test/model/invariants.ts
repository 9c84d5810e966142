import { entriesBelow, firstPlaceOf, type World } from './protocol-world.ts';

/** What must hold whatever has happened: the invariant that does not, or undefined. */
export function brokenInvariant(world: World): string | undefined {
  if (world.broken !== '') return `The store holds a prefix of all entries: ${world.broken}.`;
  if (world.isMixed) return 'The committed state is one that was folded: it is a mixture of two.';
  return gapPassed(world) ?? markApart(world) ?? lostByCommit(world);
}

function gapPassed({ writers }: World): string | undefined {
  const over = writers.find(({ batch }) => batch !== undefined && batch.first > batch.from);
  if (over === undefined) return undefined;
  return `A gap stops the writer: it goes on from ${over.batch!.from} with ${over.batch!.first}.`;
}

function markApart({ mark, stored, writers }: World): string | undefined {
  if (writers.some(({ phase }) => phase === 'writing') || entriesBelow[mark] === stored) {
    return undefined;
  }
  return `The mark tells what is stored: it is at ${mark}, and ${stored} entries are stored.`;
}

function lostByCommit({ committed, series, mark }: World): string | undefined {
  const end = firstPlaceOf[committed]!;
  for (let place = mark; place < end; place += 1) {
    if (entriesBelow[place] === entriesBelow[place + 1]) continue;
    if (series.some(({ from, to }) => from <= place && place < to)) continue;
    return `All entries below a commit are in the log or stored: of ${committed}, ${place} is not.`;
  }
  return undefined;
}
