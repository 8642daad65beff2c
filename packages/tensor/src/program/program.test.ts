import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { memory } from '../backend.js';
import { zeros } from '../create.js';
import { ShapeError, TraceError } from '../errors.js';
import { assign } from '../move.js';
import type { AnyTensor, Spec } from '../op-definition.js';
import { bitConv2d } from '../ops/bits/bit-conv2d.js';
import { packBits, packBitsOp, unpackBits, unpackBitsOp } from '../ops/bits/pack-bits.js';
import { conv2d } from '../ops/conv2d/conv2d.js';
import { relu } from '../ops/elementwise/activation.js';
import { add, mul, sub } from '../ops/elementwise/binary.js';
import { cast } from '../ops/elementwise/cast.js';
import { sqrt } from '../ops/elementwise/unary.js';
import { affine } from '../ops/norm/affine.js';
import { sum } from '../ops/reduce/sum.js';
import { concat } from '../ops/shape/concat.js';
import { reshape } from '../ops/shape/reshape.js';
import { Rng } from '../random.js';
import { dispose, tidy } from '../scope.js';
import type { Tensor } from '../tensor.js';
import { compile } from './compile.js';
import { fuse, isCallOf, type Rule } from './fuse.js';
import { place } from './place.js';
import { disposeProgram, formatProgram, type Program } from './program.js';
import { prune } from './prune.js';
import { ReadyProgram } from './run.js';
import { trace } from './trace.js';

const channels = 4;
const shape = [2, 3, 3, channels];

/** The possible steps of a random function, on two of its images [2, 3, 3, 4]. */
const moves: readonly ((a: Tensor, b: Tensor, rng: Rng) => Tensor)[] = [
  (a, b) => add(a, b),
  (a, b) => sub(a, b),
  (a, b) => mul(a, b),
  (a) => mul(a, 0.5),
  (a) => relu(a),
  (a, b) => reshape(add(reshape(a, [2, 9, 4]), reshape(b, [2, 9, 4])), shape),
  (a) => reshape(reshape(a, [-1]), shape),
  (a, _, rng) => conv2d(a, rng.normal([channels, 3, 3, channels]), { padding: 'same' }),
  (a, b, rng) => conv2d(concat([a, b], -1), rng.normal([channels, 1, 1, 2 * channels])),
  (a, _, rng) => affine(a, rng.normal([channels]), rng.normal([channels])),
  (a) => unpackBits(packBits(a)),
  (a, _, rng) => {
    const signs = packBits(rng.normal([channels, 3, 3, channels]));
    return cast(bitConv2d(packBits(a), signs, { padding: 'same' }), 'f32');
  },
  // Part of this step depends only on constants.
  (a, _, rng) => add(a, sqrt(add(mul(sum(rng.normal([9, channels]), { axes: 0 }), 0), 2))),
];

interface Recipe {
  readonly steps: readonly { readonly move: number; readonly a: number; readonly b: number }[];
  readonly results: readonly number[];
  readonly seed: number;
}

const recipes: fc.Arbitrary<Recipe> = fc.record({
  steps: fc.array(fc.record({ move: fc.nat(moves.length - 1), a: fc.nat(99), b: fc.nat(99) }), {
    minLength: 1,
    maxLength: 14,
  }),
  results: fc.array(fc.nat(99), { minLength: 1, maxLength: 3 }),
  seed: fc.nat(),
});

/** A random function of two images. Each step reads any of the images so far. The weights are drawn beforehand. */
function functionOf({ steps, results, seed }: Recipe) {
  const weights = steps.map((_, at) => frozen(Rng.fromSeed(seed).split(at)));
  return (...inputs: AnyTensor[]): Tensor[] => {
    const made = inputs as Tensor[];
    const all = [...made];
    for (const [at, { move, a, b }] of steps.entries()) {
      all.push(moves[move](all[a % all.length], all[b % all.length], weights[at]));
    }
    return results.map((result) => all[result % all.length]);
  };
}

/** A generator with all numbers drawn in advance, because the weights of a network exist before it is traced. */
function frozen(rng: Rng): Rng {
  const drawn = new Map<string, Tensor>();
  for (const shape of [[channels, 3, 3, channels], [channels, 1, 1, 2 * channels], [channels], [9, channels]]) {
    drawn.set(shape.join(), rng.normal(shape));
  }
  return { normal: (shape: number[]) => drawn.get(shape.join()) } as unknown as Rng;
}

const spec: Spec = { dtype: 'f32', shape };
const specs = [spec, spec];
const imagesOf = (seed: number): Tensor[] => [0, 1].map((at) => Rng.fromSeed(seed).split('image', at).normal(shape));
const bitsOf = (tensors: readonly AnyTensor[]): number[][] =>
  tensors.map((x) => [...new Uint32Array((x as Tensor).values.slice().buffer)]);

/** The rule that packing unpacked signs gives the same signs. */
const signsOfSigns: Rule = (draft, call) => {
  const maker = draft.maker(call.inputs[0]);
  if (isCallOf(call, packBitsOp) && isCallOf(maker, unpackBitsOp)) draft.redirect(call.outputs[0], maker.inputs[0]);
};

const passes: [name: string, pass: (program: Program) => Program][] = [
  ['nothing', (program) => program],
  ['prune', prune],
  ['fuse', (program) => prune(fuse(program, [signsOfSigns]))],
];

describe('a program', () => {
  test.prop([recipes], { numRuns: 150 })(
    'gives the same bits as its function, after any pass, and in every run',
    (recipe) => {
      tidy(() => {
        const f = functionOf(recipe);
        for (const [name, pass] of passes) {
          const ready = new ReadyProgram(pass(trace(f, specs)));
          const made = [2, 3].map((seed) => ready.run(imagesOf(seed)));
          // The second run must not have changed the results of the first.
          for (const [at, seed] of [2, 3].entries()) {
            expect(bitsOf(made[at]), name).toEqual(bitsOf(f(...imagesOf(seed))));
          }
          ready.dispose();
        }
      });
    },
  );

  test.prop([recipes], { numRuns: 50 })('leaks no memory, and a run leaves only its results', (recipe) => {
    tidy(() => {
      const images = imagesOf(1);
      const f = functionOf(recipe);
      const before = memory();
      const ready = compile(f, specs);
      const between = memory();
      const made = ready.run(images);
      expect(memory().tensors).toBe(between.tensors + made.length);
      dispose(made);
      expect(memory()).toEqual(between);
      ready.dispose();
      expect(memory()).toEqual(before);
    });
  });

  test.prop([recipes], { numRuns: 100 })(
    'places each value in a piece that is not overwritten before it is read',
    (recipe) => {
      tidy(() => {
        const program = trace(functionOf(recipe), specs);
        const { pieces, pieceOf } = place(program);
        const roots = new Map<number, number>();
        const rootOf = (value: number): number => roots.get(value) ?? value;
        const holds = new Map<number, number>();
        for (const call of program.calls) {
          for (const input of call.inputs) {
            const piece = pieceOf.get(input);
            if (piece !== undefined) expect(holds.get(piece)).toBe(rootOf(input));
          }
          for (const output of call.outputs) {
            if (call.kind === 'view') roots.set(output, rootOf(call.inputs[0]));
            const piece = pieceOf.get(output);
            if (piece !== undefined) holds.set(piece, rootOf(output));
          }
        }
        for (const [value, piece] of pieceOf) {
          const { dtype, shape } = program.values[value];
          const bytes =
            dtype === 'bits' ? 4 * shape.slice(0, -1).reduce((a, b) => a * b, 1) : 4 * shape.reduce((a, b) => a * b, 1);
          expect(pieces[piece]).toBeGreaterThanOrEqual(bytes);
        }
        disposeProgram(program);
      });
    },
  );

  test('reuses the memory of two layers for any number of layers', () => {
    tidy(() => {
      const weights = Array.from({ length: 6 }, (_, at) => Rng.fromSeed(at).normal([channels, 3, 3, channels]));
      const chain = (x: AnyTensor) =>
        weights.reduce((x, weight) => relu(conv2d(x, weight, { padding: 'same' })), x as Tensor);
      const ready = compile(chain, [spec]);
      expect(ready.bytes).toBe(2 * 4 * 2 * 3 * 3 * channels);
      ready.dispose();
    });
  });

  test('is formatted as text', () => {
    tidy(() => {
      const weight = zeros([2, 1, 1, channels]);
      weight.label = 'stem.weight';
      const program = trace((x) => sqrt(relu(conv2d(x as Tensor, weight))), [spec]);
      expect(formatProgram(program)).toBe(
        [
          'inputs %0 f32 [2, 3, 3, 4]',
          '%2 f32 [2, 3, 3, 2] = conv2d(%0, stem.weight)',
          '%3 f32 [2, 3, 3, 2] = relu(%2)',
          '%4 f32 [2, 3, 3, 2] = sqrt(%3)',
          'outputs %4',
        ].join('\n'),
      );
      disposeProgram(program);
    });
  });

  test('contains no computation on constants', () => {
    tidy(() => {
      const weight = Rng.fromSeed(1).normal([2, 1, 1, channels]);
      const program = trace((x) => conv2d(x as Tensor, sqrt(relu(mul(weight, 2)))), [spec]);
      expect(program.calls).toHaveLength(1);
      expect(program.constants.size).toBe(1);
      expect(program.values[program.calls[0].inputs[1]].name).toBeUndefined();
      disposeProgram(program);
    });
  });

  test('names a computed constant after the constants that it was computed from', () => {
    tidy(() => {
      const [weight, scale] = [zeros([2, 1, 1, channels]), zeros([2, 1, 1, 1])];
      weight.label = 'stem.conv.weight';
      scale.label = 'stem.norm.scale';
      const program = trace((x) => conv2d(x as Tensor, mul(weight, sqrt(scale))), [spec]);
      expect(program.values[program.calls[0].inputs[1]].name).toBe('stem.mul');
      disposeProgram(program);
    });
  });

  test('is rewritten by rules', () => {
    tidy(() => {
      const twice = (x: AnyTensor) => unpackBits(packBits(unpackBits(packBits(x as Tensor))));
      expect(trace(twice, [spec]).calls).toHaveLength(4);
      const program = prune(fuse(trace(twice, [spec]), [signsOfSigns]));
      expect(program.calls.map((call) => call.kind === 'op' && call.op.name)).toEqual(['packBits', 'unpackBits']);
      disposeProgram(program);
    });
  });

  test('recognizes views by their memory', () => {
    tidy(() => {
      const program = trace((x) => add(relu(x as Tensor).alias(), (x as Tensor).alias([6, 3, 4]).alias(shape)), [spec]);
      expect(program.calls.map((call) => call.kind)).toEqual(['op', 'op']);
      disposeProgram(program);
    });
  });

  test('rejects functions that cannot be traced, with the reason', () => {
    tidy(() => {
      const x = zeros(shape);
      const traced = (f: (x: Tensor) => Tensor) => () => trace((x) => f(x as Tensor), [spec]);
      const before = memory();
      const read = new TraceError(
        'a tensor without memory has no elements to read: it depends on the inputs of a traced function, or was created in ' +
          'withoutMemory',
      );
      expect(traced((x) => mul(x, relu(x).values[0]))).toThrow(read);
      expect(traced((x) => packBits(x).words && x)).toThrow(read);
      const assigned = traced((y) => {
        assign(y, x);
        return x;
      });
      expect(assigned).toThrow(read);
      expect(traced((y) => add(x, Rng.fromSeed(1).normal(y.shape)))).toThrow(
        'normal: a program cannot draw random numbers',
      );
      expect(traced((x) => add(x, zeros([5])))).toThrow(ShapeError);
      expect(memory()).toEqual(before);
    });
  });

  test('rejects inputs that it was not compiled for', () => {
    const ready = compile((x) => relu(x as Tensor), [spec]);
    expect(() => ready.run([zeros([1, 3, 3, channels])])).toThrow(ShapeError);
    expect(() => ready.run([])).toThrow(/^program: it was compiled for f32 \[2, 3, 3, 4\]/);
    ready.dispose();
  });
});
