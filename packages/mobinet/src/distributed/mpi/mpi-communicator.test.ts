import { expect, test } from 'vitest';
import { describeWithMpi, programBeside } from '../mpi.test.helper.js';

const exchanges = programBeside(import.meta.url, 'exchanges.test.helper.js');
const faults = programBeside(import.meta.url, 'faults.test.helper.js');
const heap = programBeside(import.meta.url, 'heap.test.helper.js');

describeWithMpi('ranks', ({ name, run }) => {
  test.each([2, 3, 4])('exchange numbers and messages: %i', async (ranks) => {
    const { code, stdout, stderr } = await run({ ranks, args: ['--expose-gc', exchanges] });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const result = JSON.parse(stdout);
    expect(result.ranks).toEqual(Array.from({ length: ranks }, (_, rank) => rank));
    expect(result.library).toMatch(name === 'MPICH' ? /^MPICH \d+\.\d+/ : /^Open MPI v\d+\.\d+/);
  });

  test('keep all of their heap when MPI starts, also if the heap cannot grow', async () => {
    const { stdout } = await run({ ranks: 2, args: [heap] });
    const lines = stdout.trim().split('\n');
    expect(lines.map((line) => JSON.parse(line))).toEqual([1, 2].map(() => ({ isBlocked: true, lost: 0 })));
  });

  test('learn that their buffers differ in length', async () => {
    const { code, stderr } = await run({ ranks: 2, args: [faults, 'truncate'] });
    expect(code).toBe(3);
    expect(stderr).toMatch(/^rank 1: MPI_Test failed: \w/m);
  });

  test('end together when one aborts', async () => {
    const { code, stdout } = await run({ ranks: 3, args: [faults, 'abort'] });
    expect(code).toBe(7);
    expect(stdout).not.toContain('after the barrier');
  });
});
