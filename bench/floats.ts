import { binarizeWeights } from '@mobinet/bnn';
import { binaryInputGradient } from '@mobinet/bnn/kernels';
import {
  bitConv2dAttributes,
  bitConv2dFilterGradient,
  bitConv2dInputGradient,
  matmul,
  packBits,
  Rng,
  reshape,
  unpackBits,
} from '@mobinet/tensor';
import { making, onThreads, type Section } from './section.js';

/** Matrix products of floats. */
export const gemm: Section<'one thread' | 'two threads'> = {
  title: 'f32 matrix product',
  note: '',
  benchmarks: [[512, 512, 512] as const].map(([m, n, k]) => ({
    name: `${m}×${n}×${k}`,
    multiplyAdds: m * n * k,
    contenders() {
      const rng = Rng.fromSeed(1);
      const [a, b] = [rng.normal([m, k]), rng.normal([k, n])];
      const product = making(() => matmul(a, b));
      return { 'one thread': onThreads(1, product), 'two threads': onThreads(2, product) };
    },
  })),
  ratios: [{ name: '2 threads vs 1', fast: 'two threads', slow: 'one thread' }],
};

/** 1×1 layers of the network in training: [pixels, filters, channels]. */
export const gradientShapes = [
  [3136, 128, 128],
  [784, 256, 256],
  [196, 512, 512],
  [49, 1024, 1024],
  [12544, 64, 32],
] as const;

/** The backward pass of a binary layer: floats times signs with lookup tables, against multiply-adds on floats ±1. */
export const gradients: Section<'dX lookup' | 'dX floats' | 'dW lookup' | 'dW floats'> = {
  title: 'gradients of a binary 1×1 layer',
  note: 'pixels×filters×channels; dX = dY·W and dW = dYᵀ·X, where W and X are signs. Includes tables and layouts.',
  benchmarks: gradientShapes.map(([pixels, filters, channels]) => ({
    name: `${pixels}×${filters}×${channels}`,
    multiplyAdds: pixels * filters * channels,
    contenders() {
      const { dy, x, weight, dX, dW } = lookupGradients(pixels, filters, channels);
      const [floatX, floatWeight] = [unpackBits(x), unpackBits(weight)].map((t) => reshape(t, [-1, channels]));
      const floatDy = reshape(dy, [pixels, filters]);
      return {
        'dX lookup': making(dX),
        'dX floats': making(() => matmul(floatDy, floatWeight)),
        'dW lookup': making(dW),
        'dW floats': making(() => matmul(floatDy, floatX, { transposeA: true })),
      };
    },
  })),
  ratios: [
    { name: 'dX vs floats', fast: 'dX lookup', slow: 'dX floats', target: 3 },
    { name: 'dW vs floats', fast: 'dW lookup', slow: 'dW floats', target: 3 },
  ],
};

/**
 * 1×1 layers of a training step with a batch of 8 images of 96×96: [pixels, filters, channels], and how often the skip
 * repeats the channels.
 */
const stepShapes = [
  [18432, 128, 128, 1],
  [4608, 256, 256, 1],
  [18432, 64, 32, 2],
] as const;

/** More than processors cache: operands in turn make up this many bytes. */
const outOfCacheBytes = 64 * 2 ** 20;

/** The same as in a training step: out of cache, and dX with the estimator's slope, the scale and the skip. */
export const stepGradients: typeof gradients = {
  title: 'gradients of a binary 1×1 layer in a training step',
  note:
    'pixels×filters×channels, operands in turn so that none is in a cache. dX by lookup includes the slope of the ' +
    'estimator, the scale and the skip; the products of floats are bare.',
  benchmarks: stepShapes.map(([pixels, filters, channels, repeats]) => ({
    name: `${pixels}×${filters}×${channels}`,
    multiplyAdds: pixels * filters * channels,
    contenders() {
      const rng = Rng.fromSeed(1);
      const bytes = 4 * pixels * (2 * filters + channels);
      const operands = Array.from({ length: Math.ceil(outOfCacheBytes / bytes) }, () => {
        const x = rng.normal([1, 1, pixels, channels]);
        const [dy, skip] = [rng.normal([1, 1, pixels, filters]), rng.normal([1, 1, pixels, filters])];
        return { x, signsOfX: packBits(x), dy, skip };
      });
      let turn = 0;
      const next = () => operands[turn++ % operands.length];
      const weight = rng.normal([filters, 1, 1, channels]);
      const { signs, alpha } = binarizeWeights(weight);
      const xShape = [1, 1, pixels, channels];
      const attributes = bitConv2dAttributes('bench', xShape, weight.shape, {});
      const floatX = reshape(unpackBits(operands[0].signsOfX), [pixels, channels]);
      const floatWeight = reshape(unpackBits(signs), [filters, channels]);
      const dX = () => {
        const { x, dy, skip } = next();
        return binaryInputGradient({
          dy,
          signs,
          alpha,
          memory: [x],
          xShape,
          attributes,
          skip: { gradient: skip, repeats },
        });
      };
      const dW = () => {
        const { signsOfX, dy } = next();
        return bitConv2dFilterGradient(dy, signsOfX, weight.shape, attributes);
      };
      const floatDy = () => reshape(next().dy, [pixels, filters]);
      return {
        'dX lookup': making(dX),
        'dX floats': making(() => matmul(floatDy(), floatWeight)),
        'dW lookup': making(dW),
        'dW floats': making(() => matmul(floatDy(), floatX, { transposeA: true })),
      };
    },
  })),
  ratios: gradients.ratios,
};

/** The operands of both gradients, and functions that compute the gradients. */
export function lookupGradients(pixels: number, filters: number, channels: number) {
  const rng = Rng.fromSeed(1);
  const dy = rng.normal([1, 1, pixels, filters]);
  const x = packBits(rng.normal([1, 1, pixels, channels]));
  const weight = packBits(rng.normal([filters, 1, 1, channels]));
  const attributes = bitConv2dAttributes('bench', x.shape, weight.shape, {});
  return {
    dy,
    x,
    weight,
    dX: () => bitConv2dInputGradient(dy, weight, x.shape, attributes),
    dW: () => bitConv2dFilterGradient(dy, x, weight.shape, attributes),
  };
}
