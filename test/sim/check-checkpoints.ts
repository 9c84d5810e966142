import { readCheckpoint } from '@millrace/checkpoint';
import { formatAddress } from '@millrace/model';
import { errorText } from '@millrace/runtime';
import { TOPIC_CHECKPOINTS } from '@millrace/stream';
import { entryTexts, runFold } from '@millrace/transformer/testing';
import type { AddressedEntry } from '@millrace/wire';
import type { SimRecord } from './log-oracle.ts';
import type { RecordedLog } from './recorded-log.ts';
import type { WholeCheckpoint, WholeCheckpoints } from './whole-checkpoints.ts';

/**
 * From a checkpoint on the partition is folded as from its first record: what it holds is what
 * everything below its position makes of the log.
 */
export function checkCheckpoints(
  partition: number,
  checkpoints: WholeCheckpoints,
  folded: Readonly<{ records: readonly SimRecord[]; entries: readonly AddressedEntry[] }>,
): string[] {
  const problems: string[] = [];
  for (const id of checkpoints.hollow(partition)) {
    problems.push(`checkpoint ${id} was called complete before its chunks were there`);
  }
  const whole = checkpoints.of(partition);
  // One that lies in the middle has seen something, and something follows it.
  const one = whole[Math.floor(whole.length / 2)];
  const { records, entries } = folded;
  if (one !== undefined && one.manifest.position <= records.length) {
    const { position } = one.manifest;
    const { entries: found } = runFold(records.slice(position), { from: one.pages });
    const expected = entries.filter(({ address }) => address.offset >= position);
    const [want, have] = [entryTexts(expected), entryTexts(found)];
    const at = want.findIndex((text, i) => text !== have[i]);
    if (at >= 0) {
      const where = formatAddress(expected[at]!.address);
      problems.push(`from the checkpoint at ${position} another entry is folded at ${where}`);
    } else if (have.length > want.length) {
      problems.push(`from the checkpoint at ${position} more is folded than from the beginning`);
    }
  }
  return problems.map((problem) => `partition ${partition}: ${problem}`);
}

/** Of the oldest ones that are held: they were made while things went wrong. */
const READ_MAX = 5;

/** What an owner would be given in place of a state that is lost is what was written. */
export async function readBack(
  log: RecordedLog,
  partition: number,
  checkpoints: WholeCheckpoints,
): Promise<string[]> {
  const problems: string[] = [];
  const { start } = log.bounds(TOPIC_CHECKPOINTS, partition);
  const stream = log.open();
  const isSound = ({ first, offset }: WholeCheckpoint): boolean => {
    // A repeated chunk of which one copy was damaged may be read either way.
    const offsets = Array.from({ length: offset - first }, (_, i) => first + i);
    return !offsets.some((at) => log.isDamaged(TOPIC_CHECKPOINTS, partition, at));
  };
  const held = checkpoints.of(partition).filter((one) => one.first >= start && isSound(one));
  for (const { manifest, pages, offset } of held.slice(0, READ_MAX)) {
    const where = `partition ${partition}: the checkpoint at ${manifest.position}`;
    try {
      const read = await readCheckpoint({ stream, partition }, { manifest, offset });
      const isSame = [...pages].every(([key, page]) => {
        return Buffer.from(page).equals(read.get(key) ?? Buffer.of());
      });
      if (!isSame || read.size !== pages.size) problems.push(`${where} is read as another`);
    } catch (error) {
      problems.push(`${where} cannot be read back: ${errorText(error)}`);
    }
  }
  await stream.close();
  return problems;
}
