import { fc, test } from '@fast-check/vitest';
import { Adam, Parameter } from '@mobinet/autograd';
import { Rng, type Tensor, tensor } from '@mobinet/tensor';
import { withKernels } from '@mobinet/tensor/testing';
import { describe, expect } from 'vitest';
import { Bop } from './bop.js';

const size = 6;
const signs = fc.array(fc.constantFrom(-1, 1), { minLength: size, maxLength: size });
const gradientRuns = fc.array(
  fc.array(fc.double({ min: -2, max: 2, noNaN: true }).map(Math.fround), { minLength: size, maxLength: size }),
  { minLength: 1, maxLength: 12 },
);

const binary = (values: readonly number[]) => new Parameter(tensor(values), { binary: true });
const bits = (x: Tensor): number[] => [...new Uint32Array(x.values.slice().buffer)];

describe('Bop', () => {
  test.prop([signs, gradientRuns, fc.constantFrom(0, 1e-3, 0.1), fc.constantFrom(0.05, 0.5, 1)])(
    'flips a weight where |m| > τ and sign(m) = sign(w), and keeps ±1',
    (start, gradients, threshold, adaptivity) => {
      const bop = new Bop({ threshold, adaptivity });
      const weight = binary(start);
      let expected: readonly number[] = start;
      let mean = new Array<number>(size).fill(0);
      for (const gradient of gradients) {
        mean = mean.map((m, i) => (1 - adaptivity) * m + adaptivity * gradient[i]);
        // Where a mean is next to the threshold or to 0, rounding would decide about the flip.
        fc.pre(mean.every((m) => m === 0 || Math.min(Math.abs(m), Math.abs(Math.abs(m) - threshold)) > 1e-6));
        expected = expected.map((w, i) => {
          const flips = Math.abs(mean[i]) > threshold && Math.sign(mean[i]) === Math.sign(w);
          return flips ? -w : w;
        });
        bop.update(weight, tensor(gradient));
        expect([...weight.values]).toEqual(expected);
      }
    },
  );

  test('waits until the mean gradient exceeds the threshold', () => {
    const bop = new Bop({ threshold: 0.15, adaptivity: 0.1 });
    const weight = binary([1, 1, -1, -1]);
    const step = () => {
      bop.update(weight, tensor([1, -1, 1, -1]));
      return [...weight.values];
    };
    // The magnitude of the mean is 0.1, then 0.19. Gradients push against the first and the last weight.
    expect(step()).toEqual([1, 1, -1, -1]);
    expect(step()).toEqual([-1, 1, -1, 1]);
    expect(step()).toEqual([-1, 1, -1, 1]);
  });

  test.prop([gradientRuns], { numRuns: 30 })('trains other parameters like Adam', (gradients) => {
    const options = { learningRate: 0.01, weightDecay: 0.1 };
    const bop = new Bop(options);
    const adam = new Adam(options);
    const start = [1, 2, 3, -1, -2, -3];
    const tree = { signs: binary(start.map(Math.sign)), scale: new Parameter(tensor(start)), plain: tensor(start) };
    const twin = { scale: new Parameter(tensor(start)), plain: tensor(start) };
    for (const gradient of gradients) {
      const g = tensor(gradient);
      bop.update(tree, { signs: g, scale: g, plain: g });
      adam.update(twin, { scale: g, plain: g });
    }
    expect(bits(tree.scale)).toEqual(bits(twin.scale));
    expect(bits(tree.plain)).toEqual(bits(twin.plain));
  });

  test.prop([signs, gradientRuns], { numRuns: 30 })('resumes from a saved state bit for bit', (start, gradients) => {
    const options = { threshold: 0.05, adaptivity: 0.1 };
    const [first, second] = [new Bop(options), new Bop(options)];
    const make = () => ({ signs: binary(start), scale: new Parameter(tensor(start)) });
    const [a, b] = [make(), make()];
    const [last, ...earlier] = gradients.map((gradient) => ({ signs: tensor(gradient), scale: tensor(gradient) }));
    for (const gradient of earlier) first.update(a, gradient);
    b.signs.values.set(a.signs.values);
    b.scale.values.set(a.scale.values);
    second.load(first.state);
    first.update(a, last);
    second.update(b, last);
    expect(bits(b.signs)).toEqual(bits(a.signs));
    expect(bits(b.scale)).toEqual(bits(a.scale));
    expect([...second.state.tensors].map(([name, moment]) => [name, bits(moment)])).toEqual(
      [...first.state.tensors].map(([name, moment]) => [name, bits(moment)]),
    );
    expect([...first.state.tensors.keys()].sort()).toEqual(['mean.scale', 'mean.signs', 'square.scale']);
  });

  test.prop([fc.nat()], { numRuns: 3 })('flips binary parameters of all sizes like its definition', (seed) => {
    const sizes = [1, 3, 5, 1023, 1024, 1025, 5000, 8193];
    // Multiples of 1/8 and their means are exact in f32, and none equals 0.1, so rounding never decides about a flip.
    const draw = (rng: Rng) =>
      sizes.map((size, index) => {
        const { values } = rng.split(index).uniform([size], -8, 8);
        return tensor(values.map((value) => Math.round(value) / 8));
      });
    const [fast, reference] = (['fast', 'reference'] as const).map((tier) =>
      withKernels(tier, () => {
        const rng = Rng.fromSeed(seed);
        const bop = new Bop({ threshold: 0.1, adaptivity: 0.25 });
        const tree = draw(rng.split('start')).map(({ values }) => binary([...values].map((w) => (w < 0 ? -1 : 1))));
        for (const step of [0, 1, 2, 3]) bop.update(tree, draw(rng.split('gradients', step)));
        return [...tree, ...bop.state.tensors.values()].map(bits);
      }),
    );
    expect(fast).toEqual(reference);
  });

  test.each(['fast', 'reference'] as const)('does not hide a NaN gradient (%s)', (tier) => {
    const bop = new Bop();
    withKernels(tier, () => bop.update(binary([1, -1, 1]), tensor([0, Number.NaN, -Number.NaN])));
    expect([...bop.state.tensors.get('mean')!.values]).toEqual([0, Number.NaN, Number.NaN]);
  });

  test('has groups for other parameters; flips have no learning rate', () => {
    const bop = new Bop({
      threshold: 0.1,
      adaptivity: 1,
      learningRate: 0.1,
      groups: [{ matches: (path) => path !== 'slow', learningRateFactor: 0 }],
    });
    const tree = { signs: binary([1, 1]), frozen: tensor([1]), slow: tensor([1]) };
    bop.update(tree, { signs: tensor([1, -1]), frozen: tensor([1]), slow: tensor([1]) });
    expect([...tree.signs.values, ...tree.frozen.values]).toEqual([-1, 1, 1]);
    expect(tree.slow.values[0]).toBeCloseTo(0.9, 5);
  });

  test('flushes tiny means to 0', () => {
    const bop = new Bop({ adaptivity: 0.5 });
    const weight = binary([1]);
    bop.update(weight, tensor([1e-28]));
    for (let step = 0; step < 60; step++) {
      bop.update(weight, tensor([0]));
      const [mean] = bop.state.tensors.get('mean')!.values;
      expect(mean === 0 || mean >= Math.fround(1e-30)).toBe(true);
    }
    expect(bop.state.tensors.get('mean')!.values[0]).toBe(0);
  });
});
