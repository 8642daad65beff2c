import { fc, test } from '@fast-check/vitest';
import { bitMatmul, bitTensor, decodeSafetensors, packBits, Rng, tensor, tidy } from '@mobinet/tensor';
import { packModel } from 'mobinet';
import { describe, expect } from 'vitest';
import { exercise } from '../lib/exercise.js';
import { Stripes } from './stripes.js';

const { packRow, negativeRange, readEntries, runLayers } = await exercise(
  () => import('./exercise.js'),
  () => import('./solution.js'),
);

const rng = Rng.fromSeed(15);

describe('1. packing a row', () => {
  const rows = fc.array(fc.constantFrom(-2.5, -1, -1e-30, -0, 0, 0.5, 3), { minLength: 1, maxLength: 100 });

  test.prop([rows], { numRuns: 50 })('gives the words of packBits', (row) => {
    const words = tidy(() => [...packBits(tensor(row)).words]);
    expect([...packRow(row)], `the signs of ${row.join(', ')}`).toEqual(words);
  });
});

describe('2. the range of a channel', () => {
  const f32 = (min: number, max: number) =>
    fc.float({ min: Math.fround(min), max: Math.fround(max), noNaN: true, noDefaultInfinity: true });
  const channels = fc.record({ alpha: f32(0.01, 2), scale: f32(-3, 3), shift: f32(-20, 20) });

  test.prop([channels, fc.integer({ min: 1, max: 200 })], { numRuns: 200 })(
    'contains exactly the counts with a negative output',
    (channel, n) => {
      const { from, to } = negativeRange(channel, n);
      const { fround } = Math;
      for (let d = 0; d <= n; d++) {
        const scaled = fround(fround(channel.alpha * (n - 2 * d)) * channel.scale);
        const isNegative = fround(scaled + channel.shift) < 0;
        const where = `${JSON.stringify(channel)}: ${d} of ${n} signs differ`;
        expect(d >= from && d < to, where).toBe(isNegative);
      }
    },
  );

  test.each([
    ['always negative', { alpha: 1, scale: 0, shift: -1 }, { from: 0, to: 11 }],
    ['a negative scale', { alpha: 1, scale: -1, shift: 0 }, { from: 0, to: 5 }],
  ])('%s', (_, channel, expected) => {
    expect(negativeRange(channel, 10)).toEqual(expected);
  });

  test('is empty for a channel that is never negative', () => {
    const { from, to } = negativeRange({ alpha: 1, scale: 0, shift: 1 }, 10);
    expect(to).toBe(from);
  });
});

describe('3. the header of a file', () => {
  test('says where each tensor is', () => {
    const file = packModel(new Stripes(rng));
    const entries = readEntries(file);
    const { tensors } = decodeSafetensors(file);
    expect(entries.map(({ name }) => name).toSorted()).toEqual([...tensors.keys()].toSorted());
    for (const { name, dtype, shape, begin, end } of entries) {
      const tensor = tensors.get(name)!;
      expect({ dtype: dtype.toLowerCase(), shape }, name).toEqual({ dtype: tensor.dtype, shape: tensor.shape });
      const { buffer, byteOffset, byteLength } = tensor.values;
      expect([...file.subarray(begin, end)], name).toEqual([...new Uint8Array(buffer, byteOffset, byteLength)]);
    }
  });
});

describe('4. layers on integers', () => {
  /** A layer of random signs, and of ranges near the middle, in the form of the exercise and as a bit tensor. */
  function randomLayer(inputs: number, outputs: number) {
    const bits = packBits(rng.spawn('weights').normal([outputs, inputs]));
    const words = bits.words.length / outputs;
    const weights = Array.from({ length: outputs }, (_, i) => bits.words.slice(i * words, (i + 1) * words));
    const ranges = weights.map((_, i) => {
      const middle = Math.floor(inputs / 2) + (i % 3) - 1;
      return i % 2 === 0 ? { from: 0, to: middle } : { from: middle, to: inputs + 1 };
    });
    return { layer: { weights, ranges }, bits };
  }

  test('give the signs of bitMatmul and its comparison with ranges', () => {
    const sizes = [70, 40, 33, 5];
    const layers = sizes.slice(1).map((outputs, k) => randomLayer(sizes[k], outputs));
    const input = packBits(rng.split('input').normal([1, sizes[0]]));
    let expected = input;
    for (const { layer, bits } of layers) {
      const counts = bitMatmul(expected, bits).values;
      const signs = layer.ranges.map(({ from, to }, i) => {
        const differing = (expected.rowLength - counts[i]) / 2;
        return differing >= from && differing < to ? -1 : 1;
      });
      expected = packBits(tensor([signs]));
    }
    const found = runLayers(
      layers.map(({ layer }) => layer),
      input.words,
    );
    expect([...bitTensor(found, expected.shape).words]).toEqual([...expected.words]);
  });
});
