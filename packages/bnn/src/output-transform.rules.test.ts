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
import { inferenceRules } from './inference-rules.js';
import { outputTransform } from './output-transform.js';
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

/** The names of the calls to which a network of images, and possibly other inputs, compiles. */
function callsOf(network: Network, ...others: number[][]): string[] {
  return tidy(() => {
    const inputs = [shape, ...others].map((shape) => ({ dtype: 'f32' as const, shape }));
    const ready = compile((...all) => network(...(all as Tensor[])), inputs, { rules: inferenceRules });
    const names = ready.program.calls.map((call) => (call.kind === 'op' ? call.op.name : 'view'));
    ready.dispose();
    return names;
  });
}

describe('the rules of outputTransform', () => {
  test.prop([fc.array(transformLayer, { minLength: 1, maxLength: 3 }), fc.nat()], { numRuns: 100 })(
    'change no bit of the results of any network, on both kernel tiers',
    (layers, seed) => {
      const before = memory();
      tidy(() => {
        const rng = Rng.fromSeed(seed);
        const network = transformNetwork(layers, rng);
        const images = rng.split('images').normal([2, 7, 6, channels]);
        for (const tier of ['fast', 'reference'] as const) {
          withKernels(tier, () => {
            const ready = compile((x) => network(x as Tensor), [images], { rules: inferenceRules });
            const [found, expected] = [ready.run([images]) as Tensor[], network(images)];
            expect(found.map(({ values }) => [...values])).toEqual(expected.map(({ values }) => [...values]));
            ready.dispose();
          });
        }
      });
      expect(memory()).toEqual(before);
    },
  );

  test.prop([fc.array(transformLayer, { minLength: 1, maxLength: 3 })], { numRuns: 60 })(
    'fuse every step after a binary convolution that has no other reader',
    (layers) => {
      const plain = layers.map((layer) => ({
        ...layer,
        // A skip of another shape contains a float convolution, and steps after a pool are not fused.
        conv: { ...layer.conv, stride: 1 as const },
        read: 'no' as const,
        ops: layer.ops.filter((op) => op !== 'pool').slice(0, 4),
      }));
      const calls = callsOf(transformNetwork(plain, Rng.fromSeed(1)));
      // Only the steps on the input of the network, before its signs are taken, remain ops.
      const later = calls.slice(calls.indexOf('bitConv2d') + 1);
      expect(later.filter((name) => !/^(bitConv2d|outputTransform|signThresholds)$/.test(name))).toEqual([]);
    },
  );

  test('fuse an RPReLU, a skip and a shifted sign into one pass, in any order', () => {
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
      expect(callsOf(network)).toEqual(['packBits', 'bitConv2d', 'outputTransform', 'bitConv2d', 'outputTransform']);
    }
  });

  test('use thresholds where only signs are read, also after adding a number', () => {
    const calls = ['packBits', 'bitConv2d', 'signThresholds', 'bitConv2d', 'outputTransform'];
    expect(callsOf((x) => conv(relu(norm(conv(x)))))).toEqual(calls);
    expect(callsOf((x) => conv(add(norm(conv(x)), 0.5)))).toEqual(calls);
    expect(callsOf((x) => conv(add(norm(conv(x)), x)))).toContain('outputTransform');
  });

  test('take the signs once for all of their readers', () => {
    const network = (x: Tensor): Tensor[] => {
      const y = norm(conv(x));
      return [add(conv(y), y), conv(y)];
    };
    expect(callsOf(network).filter((name) => name !== 'bitConv2d')).toEqual([
      'packBits',
      'outputTransform',
      'outputTransform',
      'outputTransform',
    ]);
  });

  test('leave values with other readers, and the ops after them', () => {
    const network = (x: Tensor): Tensor[] => {
      const y = norm(conv(x));
      return [y, relu(y)];
    };
    expect(callsOf(network)).toEqual(['packBits', 'bitConv2d', 'outputTransform', 'relu']);
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
      'packBits',
      'bitConv2d',
      'outputTransform',
      'add',
      'packBits',
      'packBits',
    ]);
    const withSigns = (x: Tensor): Tensor[] => {
      const counts = bitConv2d(packBits(x), signs, { padding: 'same', dtype: 'i16' });
      const given = { counts, vectors: reshape(a, [1, channels]), skips: [], signs: 144, steps: ['scale'] as const };
      const { output, outputSigns } = outputTransform({ ...given, signSteps: [] });
      return [relu(output), unpackBits(outputSigns!)];
    };
    expect(callsOf(withSigns)).toContain('relu');
  });

  test('leave operands that are neither constants nor of the same shape, and more skips than a GPU can bind', () => {
    const start = ['packBits', 'bitConv2d', 'outputTransform'];
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

  test('leave convolutions with a number of channels that the kernel does not support', () => {
    expect(callsOf((x) => relu(binaryConv2d(x, few)))).toEqual(['packBits', 'bitConv2d', 'scaleCounts', 'relu']);
  });
});
