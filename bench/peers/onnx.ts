import { createRequire } from 'node:module';
import type { Contender } from '@mobinet/bench/interleave';
import * as ort from 'onnxruntime-web';
import { type ConvShape, convModel, matMulModel } from './onnx-model.js';

// onnxruntime-web on one WebAssembly thread. Weights are part of the model, so it can rearrange them in advance.

ort.env.wasm.numThreads = 1;

export const onnxVersion = ort.env.versions.web ?? 'unknown';
export const onnxNodeVersion: string = createRequire(import.meta.url)('onnxruntime-node/package.json').version;

export function onnxConv(shape: ConvShape): Promise<Contender> {
  const { size, channels } = shape;
  return session(convModel(shape), [1, channels, size, size]);
}

export function onnxMatMul(m: number, n: number, k: number): Promise<Contender> {
  return session(matMulModel(m, n, k), [m, k]);
}

async function session(model: Uint8Array, shape: readonly number[]): Promise<Contender> {
  const session = await ort.InferenceSession.create(model, { executionProviders: ['wasm'] });
  const x = new ort.Tensor('float32', noise(shape.reduce((a, b) => a * b)), shape);
  return {
    run: async () => {
      await session.run({ x });
    },
  };
}

const noise = (length: number): Float32Array => Float32Array.from({ length }, () => Math.random() - 0.5);
