import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Contender } from '@mobinet/bench/interleave';
import type { ConvShape } from './onnx-model.js';

// jax-js on its WebAssembly backend. In Node, it has only one thread.

// It looks for WebGPU in this object, which Node 20 lacks.
if (!('navigator' in globalThis)) Object.defineProperty(globalThis, 'navigator', { value: {} });
const { blockUntilReady, defaultDevice, init, jit, lax, numpy, random } = await import('@jax-js/jax');
type JaxArray = ReturnType<typeof numpy.ones>;

const require = createRequire(import.meta.url);
export const jaxVersion: string = require(join(dirname(require.resolve('@jax-js/jax')), '../package.json')).version;

/** Loads the backend. Await this once, before any work. */
export async function startJax(): Promise<void> {
  await init('wasm');
  defaultDevice('wasm');
}

export function jaxMatMul(m: number, n: number, k: number): Contender {
  return compiled([m, k], [k, n], (a, b) => numpy.matmul(a, b));
}

/** Images and filters with their channels first, which is the only order that jax-js has. */
export function jaxConv({ size, channels, outputs, kernel, stride, groups }: ConvShape): Contender {
  const border = kernel >> 1;
  const padding: [number, number][] = [
    [border, border],
    [border, border],
  ];
  return compiled([1, channels, size, size], [outputs, channels / groups, kernel, kernel], (x, filter) =>
    lax.convGeneralDilated(x, filter, [stride, stride], padding, { featureGroupCount: groups }),
  );
}

function compiled(a: number[], b: number[], work: (a: JaxArray, b: JaxArray) => JaxArray): Contender {
  const [first, second] = [a, b].map((shape, index) => random.normal(random.key(index), shape));
  const run = jit(work);
  return {
    run: async () => {
      const result = run(first.ref, second.ref);
      await blockUntilReady(result.ref);
      result.dispose();
    },
  };
}
