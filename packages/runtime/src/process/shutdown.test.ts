import { afterEach, describe, expect, test } from 'vitest';
import { listenForShutdown, type Shutdown } from './shutdown.ts';

describe('shutdown', () => {
  let shutdown: Shutdown | undefined;
  afterEach(() => shutdown?.dispose());

  /** Real signals of this process, with a steady clock of our own. */
  function listening(hasTerminal = false): {
    exits: number[];
    told: string[];
    clock: { ms: number };
  } {
    const exits: number[] = [];
    const told: string[] = [];
    const clock = { ms: 5_000 };
    shutdown = listenForShutdown({
      exit: (code) => exits.push(code),
      onSignal: (name, count) => told.push(`${name} ${count}`),
      onHangup: () => told.push('passed over'),
      hasTerminal,
      nowMs: () => clock.ms,
    });
    return { exits, told, clock };
  }

  test('the first signal asks for a clean stop', async () => {
    const { exits, told } = listening();
    expect(shutdown?.signal.aborted).toBe(false);
    process.emit('SIGTERM', 'SIGTERM');
    expect(await shutdown?.requested).toBe('SIGTERM');
    expect(shutdown?.signal.reason).toMatchObject({ code: 'STOP_REQUESTED', kind: 'aborted' });
    expect(exits).toEqual([]);
    expect(told).toEqual(['SIGTERM 1']);
  });

  test('the copy of the same Ctrl-C that npm forwards is not a second wish', () => {
    const { exits, clock } = listening();
    process.emit('SIGINT', 'SIGINT');
    clock.ms += 3;
    process.emit('SIGINT', 'SIGINT');
    expect(exits).toEqual([]);
  });

  test('a second wish ends the process with 130', () => {
    const { exits, told, clock } = listening();
    process.emit('SIGINT', 'SIGINT');
    clock.ms += 1_000;
    process.emit('SIGINT', 'SIGINT');
    expect(exits).toEqual([130]);
    expect(told).toEqual(['SIGINT 1', 'SIGINT 2']);
  });

  test('a terminal that is closed asks for a clean stop, too', () => {
    const { told } = listening(true);
    process.emit('SIGHUP', 'SIGHUP');
    expect(told).toEqual(['SIGHUP 1']);
    expect(shutdown?.signal.reason).toMatchObject({ code: 'STOP_REQUESTED' });
  });

  test('a hangup that comes of no terminal is told and stops nothing', () => {
    const { told } = listening(false);
    process.emit('SIGHUP', 'SIGHUP');
    expect(told).toEqual(['passed over']);
    expect(shutdown?.signal.aborted).toBe(false);
  });

  test('dispose gives the signals back', () => {
    const before = process.listenerCount('SIGINT');
    listening();
    expect(process.listenerCount('SIGINT')).toBe(before + 1);
    shutdown?.dispose();
    expect(process.listenerCount('SIGINT')).toBe(before);
  });
});
