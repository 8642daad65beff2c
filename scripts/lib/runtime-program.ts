// The program that `npm run runtimes` runs in Node, Bun and Deno. It prints one `RuntimeReport` as JSON.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { Adam, crossEntropy, noGradient, valueAndGradient } from '@mobinet/autograd';
import { dispose, matmul, Rng, setThreads, type Tensor, tensor, threadCount } from '@mobinet/tensor';
import { createMoBiNet, loadPacked, type MoBiNet } from 'mobinet';
import { median } from '../../bench/median.js';
import { root } from './flags.js';
import type { Measured, RuntimeReport } from './runtime-report.js';

const file = join(root, 'examples/web/public/model.mobinet.safetensors');

// Where threads cannot be started, kernels run on one, and stderr shows why.
await setThreads(Math.max(2, availableParallelism()));
const threads = threadCount();
const onThreads = await results();
await setThreads(1);
const onOneThread = await results();

const { versions } = process;
const report: RuntimeReport = {
  version: versions.bun ?? versions.deno ?? versions.node,
  threads,
  multiplyAdd: multiplyAdd(),
  results: { ...labeled('1 thread', onOneThread), ...labeled('all threads', onThreads) },
  ...(await speed()),
};
console.log(JSON.stringify(report));

/** Whether kernels round a multiply-add once or twice. */
function multiplyAdd(): RuntimeReport['multiplyAdd'] {
  // a² is 1 + 2⁻¹¹ + 2⁻²⁴, which rounds to 1 + 2⁻¹¹.
  const a = 1 + 2 ** -12;
  const x = tensor(
    Float32Array.from({ length: 32 }, (_, i) => (i % 2 === 0 ? -1 - 2 ** -11 : a)),
    { shape: [16, 2] },
  );
  const y = tensor(
    Float32Array.from({ length: 32 }, (_, i) => (i < 16 ? 1 : a)),
    { shape: [2, 16] },
  );
  return matmul(x, y).values.some((value) => value !== 0) ? 'fused' : 'separate';
}

/** Hashes of everything computed: the logits of the packed network, and the parameters after two training steps. */
async function results(): Promise<Record<string, string>> {
  const packed = await loadPacked(new Uint8Array(await readFile(file)));
  const logits = packed.forward(Rng.fromSeed(0).uniform([16, ...packed.imageShape]));
  const model = createMoBiNet({ width: 0.125, k: 2, imageSize: 32, classes: 3, seed: 1 });
  const optimizer = new Adam({ learningRate: 1e-2 });
  const step = valueAndGradient((model: MoBiNet, images: Tensor, labels: Tensor<'i32'>) =>
    crossEntropy(model.forward(images), labels),
  );
  const labels = tensor([0, 1, 2, 1], { dtype: 'i32' });
  for (const seed of [1, 2]) {
    const { value, gradients } = step(model, Rng.fromSeed(seed).uniform([4, 32, 32, 3]), labels);
    optimizer.update(model, gradients);
    dispose([value, gradients]);
  }
  return { logits: hash([logits]), parameters: hash([...model.parameters().values(), ...model.state().values()]) };
}

function labeled(label: string, values: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [`${name} on ${label}`, value]));
}

/** The SHA-256 of the bits of all elements. */
function hash(tensors: readonly Tensor[]): string {
  const sha = createHash('sha256');
  // The elements are in shared memory, which hashes do not take.
  for (const { values } of tensors) sha.update(new Uint8Array(Float32Array.from(values).buffer));
  return sha.digest('hex');
}

/** Times one image at a time, on one thread. */
async function speed(): Promise<Measured> {
  const model = createMoBiNet({ width: 0.25, imageSize: 32, classes: 10 });
  model.eval();
  const image = Rng.fromSeed(0).uniform([1, 32, 32, 3]);
  const start = process.cpuUsage();
  for (let i = 0; i < 50; i++) noGradient(() => model.forward(image)).dispose();
  const { user, system } = process.cpuUsage(start);

  const packed = await loadPacked(new Uint8Array(await readFile(file)));
  const times: number[] = [];
  for (let i = 0; i < 1500; i++) {
    const start = performance.now();
    packed.forward(image).dispose();
    times.push(performance.now() - start);
  }
  // Kernels are compiled when they first run, and optimized further while they run.
  const warm = times.slice(-500);
  return { warmUp: (user + system) / 1000, minimum: Math.min(...warm), median: median(warm) };
}
