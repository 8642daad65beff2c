import { Adam, crossEntropy, type Module, noGradient, valueAndGradient } from '@mobinet/autograd';
import { dispose, Rng, type Tensor, tensor, withoutMemory } from '@mobinet/tensor';
import { formatProgram, trace } from '@mobinet/tensor/kernels';
import { packModel, summary, unpackModel } from 'mobinet';
import { describe, expect, test } from 'vitest';
import { exercise } from '../lib/exercise.js';
import residual from '../networks/residual.js';

const { smallNetwork, widestWithin, exerciseNetwork } = await exercise(
  () => import('./exercise.js'),
  () => import('./solution.js'),
);

const imageShape = [16, 16, 3];

describe('1. a small network', () => {
  test('has the layers of the exercise', () => {
    const { layers } = summary(smallNetwork(Rng.fromSeed(1)), { imageShape });
    expect(layers.map(({ binaryParameters, outputShape }) => ({ binaryParameters, outputShape }))).toEqual([
      { binaryParameters: 0, outputShape: [16, 16, 8] },
      { binaryParameters: 16 * 9 * 8, outputShape: [16] },
      { binaryParameters: 0, outputShape: [4] },
    ]);
  });

  test('learns', async () => {
    const network = smallNetwork(Rng.fromSeed(1));
    const labels = tensor(Int32Array.from({ length: 16 }, (_, i) => i % 4));
    const images = Rng.fromSeed(2).normal([16, ...imageShape]);
    // The mean of each image tells its class.
    images.values.forEach((_, at, values) => {
      values[at] += labels.values[Math.floor(at / (16 * 16 * 3))] - 1.5;
    });
    const step = valueAndGradient((network: Module) => crossEntropy(network.forward(images), labels));
    const optimizer = new Adam({ learningRate: 1e-2 });
    const losses: number[] = [];
    for (let i = 0; i < 40; i++) {
      const { value, gradients } = step(network);
      losses.push(await value.item());
      optimizer.update(network, gradients);
      dispose([value, gradients]);
    }
    expect(losses.at(-1), `the loss was ${losses[0]} at first`).toBeLessThan(losses[0] / 2);
  });
});

describe('2. the widest network', () => {
  const make = (width: number): Module => residual.make(residual.resolve({ width, imageSize: 28, classes: 10 }));
  const imageShape = [28, 28, 3];
  const options = { imageShape, largest: 40 };
  const bytes = (width: number): number => withoutMemory(() => summary(make(width), { imageShape }).savedBytes!);

  test.each([8, 19, 40])('of width %d fits exactly into its own bytes', (width) => {
    expect(widestWithin(bytes(width), make, options)).toBe(width);
    expect(widestWithin(bytes(width) - 1, make, options)).toBe(width - 1);
  });

  test('is 0 if none fits', () => {
    expect(widestWithin(bytes(1) - 1, make, options)).toBe(0);
  });
});

describe('3. a network with options', () => {
  test('checks its options', () => {
    const network = exerciseNetwork();
    expect(network.name).toBe('exercise-16');
    expect(network.resolve({ classes: 10 })).toMatchObject({ width: 8, blocks: 2, classes: 10 });
    expect(() => network.resolve({ width: 65 })).toThrow(/width/);
    expect(() => network.resolve({ blocks: 0 })).toThrow(/blocks/);
  });

  test('has a skip connection around each block', () => {
    const network = exerciseNetwork();
    const module = network.make(network.resolve({ blocks: 3, imageSize: 16, classes: 10 })).eval();
    const program = formatProgram(
      trace((x) => module.forward(x as Tensor), [{ dtype: 'f32', shape: [1, ...imageShape] }]),
    );
    expect(program.match(/ = bitConv2d\(/g), program).toHaveLength(3);
    expect(program.match(/ = add\(/g)?.length, program).toBeGreaterThanOrEqual(3);
  });

  test('is packed to the last bit', () => {
    const network = exerciseNetwork();
    const module = network.make(network.resolve({ width: 16, imageSize: 16, classes: 10 }));
    const packed = unpackModel(packModel(module, { imageShape }));
    const images = Rng.fromSeed(3).normal([2, ...imageShape]);
    const [found, expected] = noGradient(() => [packed.forward(images), module.eval().forward(images)]);
    expect([...found.values]).toEqual([...expected.values]);
  });
});
