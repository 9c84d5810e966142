import type { FilePlace, RecordSink } from './record-sink.ts';

const NEWLINE = 0x0a;

/**
 * Reads whole lines from the front of a text, one record each, as `TextReader.take` does: tells the
 * sink where each ends, and how many bytes they take.
 */
export function takeLines(
  { text, at, isLast }: Readonly<{ text: Buffer; at: FilePlace; isLast: boolean }>,
  sink: RecordSink,
  read: (bytes: Buffer, line: number) => void,
): number {
  let line = at.line;
  let from = 0;
  while (from < text.length) {
    const newline = text.indexOf(NEWLINE, from);
    if (newline < 0 && !isLast) break;
    const end = newline < 0 ? text.length : newline;
    read(text.subarray(from, end), line);
    from = end + (newline < 0 ? 0 : 1);
    line += 1;
    sink.recordEnd(at.offset + from, line);
  }
  return from;
}
