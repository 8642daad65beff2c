import { readFileSync } from 'node:fs';
import { crossEntropy, flatten, valueAndGradient } from '@mobinet/autograd';
import { decodeSafetensors, Rng, type Tensor, tensor, tidy } from '@mobinet/tensor';
import { withKernels } from '@mobinet/tensor/testing';
import { describe, expect, test } from 'vitest';
import { createMoBiNet, type MoBiNet } from './mobinet.js';
import { type MoBiNetOptions, mobinetOptions } from './options.js';

// Compares the gradients of all parameters of 55 random networks with those that PyTorch computes in double precision.
// scripts/torch-gradients.py wrote the fixture; it documents its contents and how networks are drawn, as here.

interface Network {
  readonly options: Partial<MoBiNetOptions> & { classes: number; imageSize: number };
  readonly seed: number;
  /** Shifts of some channels of normalizations, in 64ths, which keep the inputs of signs away from 0. */
  readonly nudges: Readonly<Record<string, readonly (readonly [channel: number, steps: number])[]>>;
  readonly loss: number;
  /** The number of counts that are exactly 0, over all convolutions. */
  readonly zeroCounts: number;
}

const batch = 8;
const projections = 6;

const file = readFileSync(new URL('../../../fixtures/torch-gradients.safetensors', import.meta.url));
const { tensors, metadata } = decodeSafetensors(file);
const networks = JSON.parse(metadata.networks) as Network[];

const ranges: readonly (readonly [end: string, low: number, high: number])[] = [
  ['stem.conv.weight', -0.5, 0.5],
  ['stem.activation.slope', 0.2, 0.8],
  ['conv.weight', -1.25, 1.25],
  ['activation.slope', -0.5, 0.75],
  ['activation.gamma', -2, 2],
  ['shift', -0.5, 0.5],
  ['norm.gamma', 0.5, 1.5],
  ['norm.beta', -0.5, 0.5],
  ['classifier.weight', -0.3, 0.3],
  ['classifier.bias', -0.1, 0.1],
];

/** The network, with the same weights as in PyTorch. */
function networkOf({ options, seed, nudges }: Network): MoBiNet {
  const model = createMoBiNet(options);
  for (const [name, { shape, values }] of model.parameters()) {
    const [, low, high] = ranges.find(([end]) => name.endsWith(end))!;
    tidy(() => values.set(Rng.fromSeed(seed).split(name).uniform(shape, low, high).values));
    if (name.startsWith('units') && name.endsWith('conv.weight'))
      for (let i = 0; i < values.length; i += 50) values[i] = 0;
    const nudged = name.endsWith('.norm.beta') ? nudges[name.slice(0, -'.norm.beta'.length)] : undefined;
    for (const [channel, steps] of nudged ?? []) values[channel] += steps / 64;
  }
  return model;
}

/** Dot products of a gradient with random vectors of ±1. */
function projectionsOf(values: Float32Array, rng: Rng): number[] {
  const sums = new Array<number>(projections).fill(0);
  for (const value of values) {
    const bits = rng.bits();
    for (let k = 0; k < projections; k++) sums[k] += (bits >>> k) & 1 ? -value : value;
  }
  return sums;
}

/**
 * The loss, and the relative difference of each parameter's gradient from PyTorch's: an estimate of the norm of their
 * difference, over the norm of PyTorch's.
 */
function compare(
  index: number,
  tier: 'fast' | 'reference',
): { loss: number; differences: [name: string, difference: number][] } {
  const { options, seed } = networks[index];
  return tidy(() => {
    const model = networkOf(networks[index]);
    const rng = Rng.fromSeed(seed);
    const images = rng.split('images').uniform([batch, options.imageSize, options.imageSize, 3], -2, 2);
    const labels = tensor(Int32Array.from({ length: batch }, (_, n) => n % options.classes));
    const lossOf = (model: MoBiNet, images: Tensor) => crossEntropy(model.forward(images), labels);
    const { value, gradients } = withKernels(tier, () => valueAndGradient(lossOf)(model, images));
    const own = new Map(flatten(gradients));
    const expected = tensors.get(String(index))!.values;
    const names = [...model.parameters().keys()].sort();
    expect(expected.length).toBe(names.length * (1 + projections));
    const differences = names.map((name, row): [string, number] => {
      const [norm, ...products] = expected.subarray(row * (1 + projections), (row + 1) * (1 + projections));
      const found = projectionsOf(own.get(name)!.values, rng.split('signs', name));
      const squares = found.reduce((sum, product, k) => sum + (product - products[k]) ** 2, 0);
      return [name, norm === 0 ? squares : Math.sqrt(squares / projections) / norm];
    });
    model.dispose();
    return { loss: value.values[0], differences };
  });
}

describe('gradients', () => {
  test('are compared for 55 networks, each with some counts of exactly 0', () => {
    expect(networks.length).toBe(55);
    for (const { zeroCounts } of networks) expect(zeroCounts).toBeGreaterThan(0);
    for (const [name, option] of Object.entries(mobinetOptions)) {
      if (!('choices' in option) || name === 'precision') continue;
      const seen = new Set(networks.map(({ options }) => options[name as keyof typeof options]));
      expect([...seen].sort(), name).toEqual([...option.choices].sort());
    }
  });

  // The definitions are slow, and other tests compare the kernels with them, so a few networks are enough: two plain
  // ones, and one with learned shifts and RPReLUs.
  const runs = networks.flatMap(({ options }, index) =>
    ([0, 1, 23].includes(index) ? (['fast', 'reference'] as const) : (['fast'] as const)).map((tier) => ({
      index,
      tier,
      ...options,
    })),
  );

  test.each(runs)(
    'agree with PyTorch: network $index ($tier), block $block, K = $k, $activation, shift $shift, skip $skip, pool $pool',
    ({ index, tier }) => {
      const { loss, differences } = compare(index, tier);
      expect(Math.abs(loss - networks[index].loss)).toBeLessThan(1e-4 * Math.abs(networks[index].loss));
      expect(differences.filter(([, difference]) => !(difference < 1e-4))).toEqual([]);
    },
  );
});
