import { Command } from 'commander';
import { runProgram } from 'mobinet/cli';
import type { JaxRequest } from './jax.js';
import type { ConvShape } from './onnx-model.js';
import { serve, timeFor } from './serve.js';

/**
 * Times jax-js on its WebAssembly backend, for requests on stdin. In Node, it has only one thread. It has its own
 * process because it looks for global variables that other libraries define in Node.
 */

// It looks for WebGPU in this object, which Node 20 lacks.
if (!('navigator' in globalThis)) Object.defineProperty(globalThis, 'navigator', { value: {} });
const { blockUntilReady, defaultDevice, init, jit, lax, numpy, random } = await import('@jax-js/jax');
type JaxArray = ReturnType<typeof numpy.ones>;

function matMul(m: number, n: number, k: number): () => Promise<void> {
  return compiled([m, k], [k, n], (a, b) => numpy.matmul(a, b));
}

/** Images and filters with their channels first, which is the only order that jax-js has. */
function conv({ size, channels, outputs, kernel, stride, groups }: ConvShape): () => Promise<void> {
  const border = kernel >> 1;
  const padding: [number, number][] = [
    [border, border],
    [border, border],
  ];
  return compiled([1, channels, size, size], [outputs, channels / groups, kernel, kernel], (x, filter) =>
    lax.convGeneralDilated(x, filter, [stride, stride], padding, { featureGroupCount: groups }),
  );
}

function compiled(a: number[], b: number[], work: (a: JaxArray, b: JaxArray) => JaxArray): () => Promise<void> {
  const [first, second] = [a, b].map((shape, index) => random.normal(random.key(index), shape));
  const run = jit(work);
  return async () => {
    const result = run(first.ref, second.ref);
    await blockUntilReady(result.ref);
    result.dispose();
  };
}

const prepared = new Map<string, () => Promise<void>>();

async function answer({ seconds, ...request }: JaxRequest & { seconds: number }): Promise<number[]> {
  const key = JSON.stringify(request);
  if (!prepared.has(key)) prepared.set(key, 'k' in request ? matMul(request.m, request.n, request.k) : conv(request));
  const run = prepared.get(key)!;
  await run();
  return timeFor(seconds, run);
}

const program = new Command('jax-server').action(async () => {
  await init('wasm');
  defaultDevice('wasm');
  await serve(answer);
});
await runProgram(program);
process.exit();
