import { assign, dispose, memory, mul, ones, Rng, sum, type Tensor, tidy } from '@mobinet/tensor';
import { versionOf } from '@mobinet/tensor/kernels';
import { describe, expect, test } from 'vitest';
import { valueAndGradient } from '../differentiate.js';
import { Dropout } from './dropout.js';
import { Linear } from './linear.js';
import { countStep, inMicroBatch } from './micro-batch.js';
import { Sequential } from './sequential.js';

const make = (seed = 1): Dropout => new Dropout(0.5, { rng: Rng.fromSeed(seed) });
const draw = (layer: Dropout): string => tidy(() => layer.forward(ones([100]))).values.join();

describe('Dropout', () => {
  test('draws another mask at each call in training, and counts them', () => {
    const layer = make();
    expect(new Set([draw(layer), draw(layer), draw(layer)]).size).toBe(3);
    expect([...layer.draws.values]).toEqual([3]);
    expect([...layer.state().keys()]).toEqual(['draws']);
    expect(layer.parameters().size).toBe(0);
  });

  test('is the identity in evaluation and with rate 0, and counts nothing', () => {
    for (const layer of [make().eval(), new Dropout(0, { rng: Rng.fromSeed(0) })]) {
      const x = ones([4]);
      const y = layer.forward(x);
      x.dispose(); // the result is another handle
      expect([...y.values]).toEqual([1, 1, 1, 1]);
      expect(layer.draws.values[0]).toBe(0);
    }
  });

  test('continues with the same masks after its state has been restored', () => {
    const straight = make();
    const [, , third, fourth] = Array.from({ length: 4 }, () => draw(straight));
    const [begun, resumed] = [make(), make()];
    draw(begun);
    draw(begun);
    assign(resumed.draws, begun.draws);
    expect([draw(resumed), draw(resumed)]).toEqual([third, fourth]);
  });

  test('differs from another layer of the same generator, and from that of another seed', () => {
    const rng = Rng.fromSeed(1);
    const [first, second] = [new Dropout(0.5, { rng }), new Dropout(0.5, { rng })];
    expect(new Set([draw(first), draw(second), draw(make(2))]).size).toBe(3);
    expect(draw(make())).toBe(draw(make()));
  });

  test('passes gradients where it kept elements', () => {
    const layer = make();
    const x = ones([64]);
    const { value, gradients } = valueAndGradient((x: Tensor) => {
      const y = layer.forward(x);
      return [sum(mul(y, y)), y] as const;
    })(x);
    // y = 2x where x was kept, so dy²/dx = 8x there.
    expect([...gradients.values]).toEqual(Array.from(value[1].values, (y) => (y === 0 ? 0 : 8)));
  });

  test('draws masks of micro-batches that depend on the step, the index and the call, and on nothing before', () => {
    const twice = (layer: Dropout, index: number) => inMicroBatch(index, () => [draw(layer), draw(layer)]);
    const [alone, other] = [make(), make()];
    const version = versionOf(other.draws);
    const steps = [0, 1].map(() => {
      const masks = [0, 1, 2, 3].map((index) => twice(alone, index));
      // Another process has only a part of the micro-batches, here in another order.
      expect([3, 2].map((index) => twice(other, index))).toEqual([masks[3], masks[2]]);
      countStep(alone);
      countStep(other);
      return masks;
    });
    expect(new Set(steps.flat(2)).size).toBe(16);
    expect([...alone.draws.values, ...other.draws.values]).toEqual([2, 2]);
    // Only the two steps were counted: forward leaves the state alone.
    expect(versionOf(other.draws)).toBe(version + 2);
    expect(steps.flat(2)).not.toContain(draw(alone));
  });

  test('counts no step in evaluation, nor with rate 0', () => {
    for (const layer of [make().eval(), new Dropout(0, { rng: Rng.fromSeed(0) })]) {
      countStep(new Sequential(layer));
      expect(layer.draws.values[0]).toBe(0);
    }
  });

  test('frees all memory but its state', () => {
    const rng = Rng.fromSeed(0);
    const network = new Sequential(new Linear(4, 8, { rng }), new Dropout(0.1, { rng }), new Linear(8, 2, { rng }));
    const x = ones([5, 4]);
    const step = valueAndGradient((network: Sequential) => sum(network.forward(x)));
    const before = memory();
    for (let i = 0; i < 3; i++) dispose(step(network));
    expect(memory()).toEqual(before);
  });

  test('explains wrong arguments', () => {
    const rng = Rng.fromSeed(0);
    expect(() => new Dropout(-0.1, { rng })).toThrow(
      new RangeError('Dropout: rate must be a number from 0 to 1, not -0.1'),
    );
    // @ts-expect-error the generator is missing
    expect(() => new Dropout(0.5, {})).toThrow(TypeError);
    expect(() => new Dropout(0.5, { rng, inplace: true } as object as { rng: Rng })).toThrow(/has no option "inplace"/);
  });
});
