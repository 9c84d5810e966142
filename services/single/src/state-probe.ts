import { probeLmdbState } from '@millrace/state/lmdb';

// A process of its own that tries out the files of a state: if they end it, they end only this.
// Arguments: the directory, the number of partitions. Exits with 0 when the files can be used.

const [directory = '', partitions = '0'] = process.argv.slice(2);
await probeLmdbState({ directory, partitions: Number(partitions) });
