import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { advance, assemble, f32x4, get, repeat, set, v128 } from './assembler.js';

/** Assembles, loads and runs one function over the given floats. */
function run(
  floats: number[],
  parameters: number[],
  body: Parameters<typeof assemble>[0][number]['body'],
): Float32Array {
  const bytes = assemble([{ name: 'f', parameters: parameters.map(() => 'i32'), body }]);
  const memory = new WebAssembly.Memory({ initial: 2 });
  new Float32Array(memory.buffer).set(floats);
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory } });
  (exports.f as (...parameters: number[]) => void)(...parameters);
  return new Float32Array(memory.buffer);
}

describe('assemble', () => {
  test.prop([fc.integer({ min: 1, max: 300 })], { numRuns: 10 })('repeats as often as it is told', (count) => {
    // memory[0…3] += memory[4…7], `count` times.
    const result = run([0, 0, 0, 0, 1, 2, 3, 4], [0, count], ([zero, left]) => [
      repeat(left, [v128.store(get(zero), f32x4.add(v128.load(get(zero)), v128.load(get(zero), 16)))]),
    ]);
    expect([...result.subarray(0, 4)]).toEqual([count, 2 * count, 3 * count, 4 * count]);
  });

  test.prop([fc.integer({ min: -30_000, max: 30_000 })], { numRuns: 60 })(
    'encodes constants of either sign',
    (words) => {
      const start = 65_536;
      const result = run([7], [0, start], ([from, to]) => [
        advance(to, 2 * words),
        v128.store(get(to), v128.load32Splat(get(from))),
      ]);
      const at = (start + 2 * words) / 4;
      if (Number.isInteger(at)) expect([...result.subarray(at, at + 4)]).toEqual([7, 7, 7, 7]);
      expect(result.filter((value) => value !== 0).length).toBeGreaterThanOrEqual(4);
    },
  );

  test('gives each local its own place, also beyond 127', () => {
    const result = run([1, 2, 3, 4], [0], ([zero], local) => {
      const locals = Array.from({ length: 200 }, () => local('v128'));
      return [
        set(locals[0], v128.load(get(zero))),
        ...locals.slice(1).map((next, i) => set(next, f32x4.add(get(locals[i]), get(locals[0])))),
        v128.store(get(zero), f32x4.mul(get(locals[199]), get(locals[0]))),
      ];
    });
    expect([...result.subarray(0, 4)]).toEqual([200, 800, 1800, 3200]);
  });
});
