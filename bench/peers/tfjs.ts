import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import type { Contender } from '@mobinet/bench/interleave';
import * as tf from '@tensorflow/tfjs';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import type { ConvShape } from './onnx-model.js';

// TensorFlow.js on its WebAssembly backend, which has only one thread in Node, and on its plain JavaScript backend.

export type TfjsBackend = 'wasm' | 'cpu';

export const tfjsVersion = tf.version['tfjs-core'];

/** Loads both backends. Await this once, before any work. */
export async function startTfjs(): Promise<void> {
  setWasmPaths(`${dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm'))}/`);
  for (const backend of ['cpu', 'wasm']) await tf.setBackend(backend);
}

export function tfjsConv(backend: TfjsBackend, shape: ConvShape): Contender {
  const { size, channels, outputs, kernel, stride, groups } = shape;
  if (groups !== 1 && groups !== channels) throw new RangeError('TensorFlow.js has no grouped convolutions');
  return on(backend, () => {
    const x = tf.randomNormal<tf.Rank.R4>([1, size, size, channels]);
    const weights = tf.randomNormal<tf.Rank.R4>([kernel, kernel, channels, groups === 1 ? outputs : 1]);
    return () =>
      groups === 1 ? tf.conv2d(x, weights, stride, 'same') : tf.depthwiseConv2d(x, weights, stride, 'same');
  });
}

export function tfjsMatMul(backend: TfjsBackend, m: number, n: number, k: number): Contender {
  return on(backend, () => {
    const [a, b] = [tf.randomNormal([m, k]), tf.randomNormal([k, n])];
    return () => tf.matMul(a, b);
  });
}

function on(backend: TfjsBackend, make: () => () => tf.Tensor): Contender {
  let work: (() => tf.Tensor) | undefined;
  return {
    async prepare() {
      await tf.setBackend(backend);
      work ??= make();
    },
    run: () => work?.().dispose(),
  };
}
