import { fc, test } from '@fast-check/vitest';
import {
  add,
  affine,
  bitConv2d,
  cast,
  compile,
  maxPool2d,
  memory,
  mul,
  packBits,
  prelu,
  Rng,
  relu,
  reshape,
  type Tensor,
  tidy,
  unpackBits,
} from '@mobinet/tensor';
import { withKernels } from '@mobinet/tensor/testing';
import { describe, expect } from 'vitest';
import { binaryConv2d } from './binary-conv2d.js';
import { countTransform } from './count-transform.js';
import { inferenceRules } from './inference-rules.js';
import { scaleCounts } from './scale-counts.js';
import { channels, transformLayer, transformNetwork } from './transform-networks.test.helper.js';

type Network = (...inputs: Tensor[]) => Tensor | Tensor[];

const rng = Rng.fromSeed(1);
const weight = rng.split('weight').normal([channels, 3, 3, channels]);
const few = rng.split('few').normal([12, 1, 1, channels]);
const column = rng.split('column').normal([6, 1]);
const [a, b, c] = ['a', 'b', 'c'].map((name) => rng.split(name).normal([channels]));
const conv = (x: Tensor): Tensor => binaryConv2d(x, weight, { padding: 'same' });
const packSigns = (x: Tensor): Tensor => unpackBits(packBits(x));
const norm = (x: Tensor): Tensor => affine(x, a, b);
const shape = [1, 6, 6, channels];

/** The calls that are left of a network of images, or of images and other inputs. */
function callsOf(network: Network, ...others: number[][]): string[] {
  return tidy(() => {
    const inputs = [shape, ...others].map((shape) => ({ dtype: 'f32' as const, shape }));
    const ready = compile((...all) => network(...(all as Tensor[])), inputs, { rules: inferenceRules });
    const names = ready.program.calls.map((call) => (call.kind === 'op' ? call.op.name : 'view'));
    ready.dispose();
    return names;
  });
}

describe('the rules of countTransform', () => {
  test.prop([fc.array(transformLayer, { minLength: 1, maxLength: 3 }), fc.nat()], { numRuns: 100 })(
    'change no bit of what any network makes, on either kernel tier',
    (layers, seed) => {
      const before = memory();
      tidy(() => {
        const rng = Rng.fromSeed(seed);
        const network = transformNetwork(layers, rng);
        const images = rng.split('images').normal([2, 7, 6, channels]);
        for (const tier of ['fast', 'reference'] as const) {
          withKernels(tier, () => {
            const ready = compile((x) => network(x as Tensor), [images], { rules: inferenceRules });
            const [made, expected] = [ready.run([images]) as Tensor[], network(images)];
            expect(made.map(({ values }) => [...values])).toEqual(expected.map(({ values }) => [...values]));
            ready.dispose();
          });
        }
      });
      expect(memory()).toEqual(before);
    },
  );

  test.prop([fc.array(transformLayer, { minLength: 1, maxLength: 3 })], { numRuns: 60 })(
    'leave no step behind a binary convolution that nobody else reads',
    (layers) => {
      const plain = layers.map((layer) => ({
        ...layer,
        // A skip of another shape is a float convolution, and what follows a pool is no transform of counts.
        ...{ conv: { ...layer.conv, stride: 1 as const }, read: 'no' as const },
        moves: layer.moves.filter((move) => move !== 'pool').slice(0, 4),
      }));
      const calls = callsOf(transformNetwork(plain, Rng.fromSeed(1)));
      // Only signs of the input of the network may be of something that had to be made before.
      const later = calls.slice(calls.indexOf('bitConv2d') + 1);
      expect(later.filter((name) => !/^(bitConv2d|countTransform|countThresholds)$/.test(name))).toEqual([]);
    },
  );

  test('make one pass of an RPReLU, a skip and a shifted sign, whatever the order', () => {
    const rprelu = (x: Tensor): Tensor => add(prelu(add(x, a), b), c);
    for (const block of [
      (x: Tensor) => rprelu(add(norm(conv(x)), x)),
      (x: Tensor) => add(x, rprelu(norm(conv(x)))),
      (x: Tensor) => norm(rprelu(add(conv(x), x))),
    ]) {
      const network = (x: Tensor): Tensor => {
        const y = block(x);
        return add(conv(add(y, c)), y);
      };
      expect(callsOf(network)).toEqual([...['packBits', 'bitConv2d', 'countTransform', 'bitConv2d', 'countTransform']]);
    }
  });

  test('make thresholds where only signs are read, of a sum with numbers, too', () => {
    const calls = ['packBits', 'bitConv2d', 'countThresholds', 'bitConv2d', 'countTransform'];
    expect(callsOf((x) => conv(relu(norm(conv(x)))))).toEqual(calls);
    expect(callsOf((x) => conv(add(norm(conv(x)), 0.5)))).toEqual(calls);
    expect(callsOf((x) => conv(add(norm(conv(x)), x)))).toContain('countTransform');
  });

  test('take the signs once for all that read them', () => {
    const network = (x: Tensor): Tensor[] => {
      const y = norm(conv(x));
      return [add(conv(y), y), conv(y)];
    };
    expect(callsOf(network).filter((name) => name !== 'bitConv2d')).toEqual([
      ...['packBits', 'countTransform', 'countTransform', 'countTransform'],
    ]);
  });

  test('leave what is read elsewhere, and what comes after it', () => {
    const network = (x: Tensor): Tensor[] => {
      const y = norm(conv(x));
      return [y, relu(y)];
    };
    expect(callsOf(network)).toEqual(['packBits', 'bitConv2d', 'countTransform', 'relu']);
    const signs = packBits(weight);
    const counts = (x: Tensor): Tensor[] => {
      const counts = bitConv2d(packBits(x), signs, { padding: 'same' });
      return [scaleCounts(counts, a), cast(counts, 'f32')];
    };
    expect(callsOf(counts)).toEqual(['packBits', 'bitConv2d', 'scaleCounts', 'cast']);
    const shifts = (x: Tensor): Tensor[] => {
      const y = norm(conv(x));
      const shifted = add(y, 1);
      return [y, packSigns(shifted), shifted];
    };
    expect(callsOf(shifts)).toContain('packBits');
    const otherSigns = (x: Tensor): Tensor[] => {
      const y = norm(conv(x));
      return [y, packSigns(add(y, 1)), packSigns(add(y, 2)), packSigns(y)];
    };
    expect(callsOf(otherSigns).filter((name) => name !== 'unpackBits')).toEqual([
      ...['packBits', 'bitConv2d', 'countTransform', 'add', 'packBits', 'packBits'],
    ]);
    const withSigns = (x: Tensor): Tensor[] => {
      const counts = bitConv2d(packBits(x), signs, { padding: 'same', dtype: 'i16' });
      const given = { counts, vectors: reshape(a, [1, channels]), skips: [], signs: 144, steps: ['scale'] as const };
      const { output, outputSigns } = countTransform({ ...given, signSteps: [] });
      return [relu(output), unpackBits(outputSigns!)];
    };
    expect(callsOf(withSigns)).toContain('relu');
  });

  test('leave operands that are neither constants nor of its shape, and more than a GPU can bind', () => {
    const start = ['packBits', 'bitConv2d', 'countTransform'];
    expect(callsOf((x, slope) => prelu(conv(x), slope), [channels])).toEqual([...start, 'prelu']);
    expect(callsOf((x, shift) => add(conv(x), shift), [channels])).toEqual([...start, 'add']);
    expect(callsOf((x, factor) => mul(conv(x), factor), shape)).toEqual([...start, 'mul']);
    expect(callsOf((x, images) => add(conv(x), images), [2, 6, 6, channels])).toEqual([...start, 'add']);
    expect(callsOf((x) => mul(conv(x), column))).toEqual([...start, 'mul']);
    const square = (x: Tensor): Tensor => {
      const y = conv(x);
      return packSigns(mul(y, y));
    };
    expect(callsOf(square)).toEqual([...start, 'mul', 'packBits', 'unpackBits']);
    const skips = (x: Tensor): Tensor => [x, x, x, x, x].reduce((y, x) => add(y, x), conv(x));
    expect(callsOf(skips)).toEqual([...start, 'add']);
    expect(callsOf((x) => relu(maxPool2d(conv(x), { window: 3 })))).toEqual([...start, 'maxPool2d', 'relu']);
  });

  test('leave channels that the kernel does not take', () => {
    expect(callsOf((x) => relu(binaryConv2d(x, few)))).toEqual(['packBits', 'bitConv2d', 'scaleCounts', 'relu']);
  });
});
