import { HistoryReader, notBegun, noteArchive } from '@millrace/control';
import type { Clock } from '@millrace/runtime';
import type { Stream } from '@millrace/stream';
import type { ArchiveBinding } from './archive-binding.ts';
import { proposedId } from './propose-id.ts';

/** In `metrics.control`, which all processes of a cluster read. */
export function createControlBinding(
  parts: Readonly<{ stream: Stream; clock: Clock; history?: HistoryReader }>,
): ArchiveBinding {
  const { stream, history = new HistoryReader(stream) } = parts;
  return {
    read: async (signal) => (await history.read(signal)).archive,
    proposeId: async (place, signal) => {
      const { logId, archivesForgotten } = await history.read(signal);
      if (logId === undefined) throw notBegun();
      return proposedId({ logId, forgotten: archivesForgotten, place });
    },
    bind: async (archive) => await noteArchive(parts, archive),
    forget: async () => {
      const { archive } = await history.read();
      if (archive !== undefined) await noteArchive(parts, { where: archive.where });
    },
  };
}
