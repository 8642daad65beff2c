import { describe, expect, test } from 'vitest';
import { kernelChoices, Race, type Sample } from './race.js';

type Name = 'plain' | 'clever';

/** A race on a clock of its own, on which a run of each kernel takes as long as `milliseconds` says. */
function raceOf(
  milliseconds: (kernel: Name, run: number) => number,
  { tick = 0.0001, demanded = null as Name | null },
) {
  let now = 0;
  let runs = 0;
  const race = new Race<Name>({
    family: 'test',
    kernels: () => ['plain', 'clever'],
    demanded: () => demanded,
    // Reading the clock takes time, too.
    clock() {
      now += 0.00001;
      return Math.floor(now / tick) * tick;
    },
  });
  const sample = (key: string): Sample<Name> => ({
    key,
    run: (kernel) => {
      now += milliseconds(kernel, runs++);
    },
  });
  /** Works for 100 ms, in pieces of 0.1 ms. Returns the kernels that were used. */
  const work = (sampleAt: (piece: number) => Sample<Name> | null = () => sample('a')): Name[] =>
    Array.from({ length: 1000 }, (_, piece) => race.next(100_000, sampleAt(piece)));
  return { race, work, sample, runCount: () => runs };
}

describe('Race', () => {
  test('starts with the default, and continues with the kernel that takes the shortest time', () => {
    const { work, race, runCount } = raceOf((kernel) => (kernel === 'clever' ? 0.02 : 0.03), {});
    const used = work();
    const decided = used.indexOf('clever');
    expect(decided).toBeGreaterThan(0);
    expect(used.slice(0, decided).every((kernel) => kernel === 'plain')).toBe(true);
    expect(used.slice(decided).every((kernel) => kernel === 'clever')).toBe(true);
    expect(runCount()).toBe(2 * 24);
    const choice = { family: 'test', kernel: 'clever', reason: 'fastest here: plain 30.0 µs, clever 20.0 µs' };
    expect(race.choice).toEqual(choice);
    expect(kernelChoices()).toContainEqual(choice);
  });

  test('compares the shortest times, so that neither slow first runs nor interruptions count', () => {
    const { work } = raceOf((kernel, run) => {
      if (kernel === 'plain') return 0.03;
      return run < 40 || run === 44 ? 1 : 0.02;
    }, {});
    expect(work().at(-1)).toBe('clever');
  });

  test('keeps the default if another kernel is hardly faster', () => {
    const { work, race } = raceOf((kernel) => (kernel === 'clever' ? 0.0295 : 0.03), {});
    expect(work()).not.toContain('clever');
    expect(race.choice.kernel).toBe('plain');
  });

  test.each([0.016, 0.1, 1])('keeps the default if the clock is too coarse to tell: a tick of %d ms', (tick) => {
    const { work } = raceOf((kernel) => (kernel === 'clever' ? 0.02 : 0.03), { tick });
    expect(work()).not.toContain('clever');
  });

  test('keeps the default if the clock stands still', () => {
    const race = new Race<Name>({
      family: 'test',
      kernels: () => ['plain', 'clever'],
      demanded: () => null,
      clock: () => 0,
    });
    for (let piece = 0; piece < 100; piece++) race.next(2_000_000, { key: 'a', run: () => {} });
    expect(race.choice.kernel).toBe('plain');
  });

  test('only compares times of the same work', () => {
    const { work, sample, runCount } = raceOf((kernel) => (kernel === 'clever' ? 0.02 : 0.03), {});
    expect(work((piece) => (piece % 2 ? sample('a') : null)).at(-1)).toBe('clever');
    expect(runCount()).toBe(2 * 24);
    const other = raceOf(() => 0.02, {});
    other.work((piece) => (piece % 3 ? other.sample(`${piece}`) : null));
    expect(other.runCount()).toBe(2);
  });

  test('does not take place if there is little work', () => {
    const { race, sample, runCount } = raceOf((kernel) => (kernel === 'clever' ? 0.02 : 0.03), {});
    for (let piece = 0; piece < 19; piece++) expect(race.next(100_000, sample('a'))).toBe('plain');
    expect(runCount()).toBe(0);
    expect(race.choice).toEqual({ family: 'test', kernel: 'plain', reason: 'default' });
  });

  test('does not take place in a hidden page', () => {
    const { work, runCount } = raceOf((kernel) => (kernel === 'clever' ? 0.02 : 0.03), {});
    const global = globalThis as { document?: { hidden: boolean } };
    global.document = { hidden: true };
    try {
      work();
      expect(runCount()).toBe(0);
      global.document = { hidden: false };
      expect(work().at(-1)).toBe('clever');
    } finally {
      delete global.document;
    }
  });

  test('is not needed if the user demands a kernel', () => {
    const { race } = raceOf(() => 1, { demanded: 'clever' });
    expect(race.demanded).toBe('clever');
    expect(race.choice).toEqual({ family: 'test', kernel: 'clever', reason: 'MOBINET_KERNELS' });
  });
});
