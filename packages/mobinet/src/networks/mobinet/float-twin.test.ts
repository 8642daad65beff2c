import {
  Adam,
  type BatchNorm2d,
  Conv2d,
  crossEntropy,
  noGradient,
  PReLU,
  RPReLU,
  valueAndGradient,
} from '@mobinet/autograd';
import { dispose, memory, Rng, type Tensor, tensor, tidy } from '@mobinet/tensor';
import { describe, expect, test } from 'vitest';
import { packModel } from '../../export/pack.js';
import { unpackModel } from '../../export/packed-model.js';
import { createMoBiNet, type MoBiNet } from './mobinet.js';
import { type MoBiNetOptions, mobinetOptions } from './options.js';
import type { Segment } from './segment.js';

const small = { precision: 'float', width: 0.125, k: 2, imageSize: 32, classes: 3 } as const;

/** Which of two functions a segment computes. */
interface Mode {
  readonly isTraining: boolean;
  /** Whether the convolution takes the signs of x. */
  readonly takesSigns: boolean;
}

/**
 * The definition of a segment with float weights, element by element: zero-padded convolution, activation, BatchNorm,
 * skip.
 */
function segmentOf(segment: Segment, x: Tensor, { isTraining, takesSigns }: Mode): number[] {
  const { conv, activation, norm, plan } = segment;
  const [batch, height, width, inChannels] = x.shape;
  const { kernel, outChannels, groups, skipRepeats } = plan;
  const [groupChannels, reach] = [inChannels / groups, (kernel - 1) / 2];
  const pixels = Array.from({ length: batch * height * width }, (_, pixel) => pixel);
  const at = (pixel: number, row: number, column: number, channel: number): number => {
    const [i, j] = [(Math.floor(pixel / width) % height) + row, (pixel % width) + column];
    const isOutside = i < 0 || i >= height || j < 0 || j >= width;
    return isOutside ? 0 : x.values[(pixel + row * width + column) * inChannels + channel];
  };
  const y = new Float64Array(pixels.length * outChannels);
  for (let o = 0; o < outChannels; o++) {
    const first = Math.floor(o / (outChannels / groups)) * groupChannels;
    const activations = pixels.map((pixel) => {
      let sum = 0;
      for (let tap = 0; tap < kernel ** 2; tap++) {
        const [row, column] = [Math.floor(tap / kernel) - reach, (tap % kernel) - reach];
        for (let c = 0; c < groupChannels; c++) {
          const value = at(pixel, row, column, first + c);
          sum +=
            (takesSigns ? Math.sign(value) : value) * conv.weight.values[(o * kernel ** 2 + tap) * groupChannels + c];
        }
      }
      const moved = activation instanceof RPReLU ? sum - activation.gamma.values[o] : sum;
      return moved < 0 ? moved * (activation instanceof PReLU ? activation.slope.values[o] : 0) : moved;
    });
    const normalized = normalize(activations, norm, o, isTraining);
    for (const pixel of pixels) {
      const skipped = skipRepeats > 0 ? at(pixel, 0, 0, o % inChannels) : 0;
      y[pixel * outChannels + o] = normalized[pixel] + skipped;
    }
  }
  return [...y];
}

/** Normalizes one channel with its own statistics in training, else with the running ones. */
function normalize(values: readonly number[], norm: BatchNorm2d, channel: number, isTraining: boolean): number[] {
  const meanOf = (numbers: readonly number[]): number =>
    numbers.reduce((sum, value) => sum + value, 0) / numbers.length;
  const mean = isTraining ? meanOf(values) : norm.runningMean.values[channel];
  const variance = isTraining
    ? meanOf(values.map((value) => (value - mean) ** 2))
    : norm.runningVariance.values[channel];
  const factor = norm.gamma.values[channel] / Math.sqrt(variance + norm.epsilon);
  return values.map((value) => (value - mean) * factor + norm.beta.values[channel]);
}

/** Replaces the zeros and ones that vectors are initialized with by numbers such as training makes. */
function scramble(segment: Segment): void {
  const vectors = [...segment.norm.parameters(), ...segment.norm.state(), ...segment.activation.parameters()];
  vectors.forEach(([, { values }], index) => {
    values.set(Rng.fromSeed(index).uniform([values.length], 0.2, 1.5).values);
  });
}

/** The kinds of network whose weights are floats. */
const floats = ['float', 'binary-activations'] as const;

describe('the float twin', () => {
  const variants: Partial<MoBiNetOptions>[] = [
    {},
    { block: 'pre', activation: 'relu', skip: 'none', k: 0 },
    { activation: 'rprelu' },
    { precision: 'binary-activations' },
  ];

  test.each(variants)('has segments that agree with their definition: %o', (variant) => {
    const model = createMoBiNet({ ...small, ...variant });
    for (const segment of model.units[1].segments) {
      scramble(segment);
      // Segments accept any image size, not only that of the network.
      const x = Rng.fromSeed(5).normal([2, 5, 4, segment.plan.inChannels]);
      for (const isTraining of [false, true]) {
        if (isTraining) segment.train();
        else segment.eval();
        const takesSigns = variant.precision === 'binary-activations';
        const expected = segmentOf(segment, x, { isTraining, takesSigns });
        const found = noGradient(() => segment.forward(x));
        expect(found.shape).toEqual([2, 5, 4, segment.plan.outChannels]);
        const errors = expected.map((value, at) => Math.abs(found.values[at] - value));
        expect(Math.max(...errors), `${segment.plan.name}, training: ${isTraining}`).toBeLessThan(1e-4);
        found.dispose();
      }
      x.dispose();
    }
    model.dispose();
  });

  test.each(floats)(
    'has the layers, names and shapes of the binary network, but no binary weights: %s',
    (precision) => {
      const [float, binary] = ([precision, 'binary'] as const).map((each) =>
        createMoBiNet({ ...small, precision: each }),
      );
      const shapesOf = (model: MoBiNet) =>
        [...model.parameters(), ...model.state()].map(([name, { shape }]) => `${name} [${shape}]`);
      expect(shapesOf(float)).toEqual(shapesOf(binary));
      // So weight decay applies to them, and Bop does not flip them.
      expect([...float.parameters().values()].some((parameter) => parameter.binary)).toBe(false);
      for (const { segments } of float.units) for (const { conv } of segments) expect(conv).toBeInstanceOf(Conv2d);
      float.dispose();
      binary.dispose();
    },
  );

  test('has no shifts, since it takes no signs', () => {
    const [plain, shifted] = mobinetOptions.shift.choices.map((shift) => createMoBiNet({ ...small, shift }));
    expect([...shifted.parameters().keys()]).toEqual([...plain.parameters().keys()]);
    plain.dispose();
    shifted.dispose();
  });

  test.each(floats)('learns: the loss falls, and no memory leaks: %s', (precision) => {
    const model = createMoBiNet({ ...small, precision });
    const optimizer = new Adam({ learningRate: 5e-3 });
    const images = Rng.fromSeed(1).normal([6, 32, 32, 3]);
    const labels = tensor(Int32Array.of(0, 1, 2, 0, 1, 2), { dtype: 'i32' });
    const lossAndGradient = valueAndGradient((model: MoBiNet) => crossEntropy(model.forward(images), labels));
    const step = (): number => {
      const { value, gradients } = lossAndGradient(model);
      optimizer.update(model, gradients);
      const [loss] = value.values;
      dispose([value, gradients]);
      return loss;
    };
    const first = step();
    const before = memory();
    const losses = Array.from({ length: 12 }, step);
    expect(memory()).toEqual(before);
    expect(losses.at(-1)).toBeLessThan(0.2 * first);
    const logits = tidy(() => noGradient(() => model.eval().forward(images)));
    expect(logits.values.every(Number.isFinite)).toBe(true);
    dispose([images, labels, logits]);
    optimizer.dispose();
    model.dispose();
  });

  test.each(floats)('gives the same logits when packed: %s', (precision) => {
    const model = createMoBiNet({ ...small, precision });
    const images = Rng.fromSeed(1).normal([2, 32, 32, 3]);
    const packed = unpackModel(packModel(model));
    const [expected, found] = noGradient(() => [model.eval().forward(images), packed.forward(images)]);
    expect(found.values).toEqual(expected.values);
    dispose([images, expected, found]);
    packed.dispose();
    model.dispose();
  });
});
