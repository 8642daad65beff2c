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
