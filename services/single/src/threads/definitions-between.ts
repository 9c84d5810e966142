/**
 * How many series a partition may have before their labels are sent again with each sample: of more
 * of them, all have come by since the log got a series' labels. In a cluster several receivers
 * count on what a partition remembers, each for itself; here there is one, and four partitions for
 * all series of a process.
 */
export const DEFINITIONS_BETWEEN_MAX = 1_000_000;
