import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { withKernels } from '../op.js';
import { clip, leakyRelu, relu, sigmoid, tanh } from '../ops/elementwise/activation.js';
import { add, div, maximum, minimum, mod, mul, pow, sub } from '../ops/elementwise/binary.js';
import { elu } from '../ops/elementwise/elu.js';
import { erf } from '../ops/elementwise/erf.js';
import { flushTiny } from '../ops/elementwise/flush-tiny.js';
import { gelu } from '../ops/elementwise/gelu.js';
import { hardSwish } from '../ops/elementwise/hard-swish.js';
import { expm1, log1p } from '../ops/elementwise/near-zero.js';
import { prelu } from '../ops/elementwise/prelu.js';
import { ceil, floor, round, trunc } from '../ops/elementwise/rounding.js';
import { silu } from '../ops/elementwise/silu.js';
import { softplus } from '../ops/elementwise/softplus.js';
import { cos, sin, tan } from '../ops/elementwise/trigonometric.js';
import { abs, exp, log, neg, sign, sqrt, square } from '../ops/elementwise/unary.js';
import { affine } from '../ops/norm/affine.js';
import { reshape } from '../ops/shape/reshape.js';
import { Rng } from '../random.js';
import { tidy } from '../scope.js';
import type { Tensor } from '../tensor.js';
import { compile } from './compile.js';

const rng = Rng.fromSeed(1);
const [y, row, slope] = [rng.uniform([9, 37], 0.5, 2), rng.uniform([37], 0.5, 2), rng.normal([37])];

/** All ops that are marked as `inPlace`. */
const ops: Record<string, readonly ((x: Tensor) => Tensor)[]> = {
  neg: [neg],
  abs: [abs],
  exp: [exp],
  log: [log],
  sqrt: [sqrt],
  square: [square],
  sign: [sign],
  sigmoid: [sigmoid],
  tanh: [tanh],
  relu: [relu],
  leakyRelu: [(x) => leakyRelu(x, 0.1)],
  gelu: [(x) => gelu(x)],
  geluTanh: [(x) => gelu(x, { approximate: 'tanh' })],
  silu: [silu],
  softplus: [(x) => softplus(x)],
  elu: [(x) => elu(x)],
  hardSwish: [hardSwish],
  sin: [sin],
  cos: [cos],
  tan: [tan],
  log1p: [log1p],
  expm1: [expm1],
  erf: [erf],
  floor: [floor],
  ceil: [ceil],
  round: [round],
  trunc: [trunc],
  clip: [(x) => clip(x, 0.6, 1.5)],
  ...Object.fromEntries(
    Object.entries({ add, sub, mul, div, mod, pow, maximum, minimum }).map(([name, op]) => [
      name,
      [(x: Tensor) => op(x, y), (x: Tensor) => op(x, row), (x: Tensor) => op(x, 1.5), (x: Tensor) => op(x, x)],
    ]),
  ),
  flushTiny: [flushTiny],
  prelu: [(x) => prelu(x, slope)],
  affine: [(x) => affine(x, slope, row)],
};

describe('an op that may run in place', () => {
  test('is in the list of this test', () => {
    // Asks a new process: in this one, other test files may have defined ops of their own.
    const program = `
      import ${JSON.stringify(import.meta.resolve('../index.js'))};
      import { definedOps } from ${JSON.stringify(import.meta.resolve('../op.js'))};
      console.log(...definedOps().flatMap(({ name, inPlace }) => (inPlace ? name : [])));`;
    const names = execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' });
    expect(names.trim().split(' ').sort()).toEqual(Object.keys(ops).sort());
  });

  test.each(Object.entries(ops))('%s gives the same bits in place, on both kernel tiers', (_, variants) => {
    tidy(() => {
      const x = rng.split('x').uniform([9, 37], 0.1, 3);
      for (const f of variants) {
        // The ops around f make its input and output intermediate values, which are placed in memory.
        const around = (x: Tensor): Tensor => reshape(mul(f(sub(x, 0.05)), 2), [37, 9]);
        for (const tier of ['fast', 'reference'] as const) {
          withKernels(tier, () => {
            const ready = compile((x) => around(x as Tensor), [x]);
            const [made] = ready.run([x]) as Tensor[];
            expect(ready.bytes).toBe(4 * x.size);
            expect([...new Uint32Array(made.values.slice().buffer)]).toEqual([
              ...new Uint32Array(around(x).values.slice().buffer),
            ]);
            ready.dispose();
          });
        }
      }
    });
  });
});
