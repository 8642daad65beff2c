import { Adam, crossEntropy, noGradient, valueAndGradient } from '@mobinet/autograd';
import {
  type AnyTensor,
  bitMatmul,
  dispose,
  type KernelTime,
  matmul,
  packBits,
  Rng,
  startGpuTimes,
  type Tensor,
  tensor,
  tidy,
  withBackend,
  zeros,
} from '@mobinet/tensor';
import { groupsOf, linear, linearWorkgroup, Shader } from '@mobinet/tensor/kernels';
import { createMoBiNet, type MoBiNet, packModel, unpackModel } from 'mobinet';
import { median } from './median.js';
import { type TorchGpu, type TorchWork, torchVariants, variantName } from './torch-gpu.js';

// Timing on a GPU. Waiting for each result would measure the waiting, so each round submits many runs and waits once.

/** A piece of work to time on a GPU. */
export interface GpuWork {
  readonly name: string;
  /** Operations per run, on floats or bits: two for each multiply-add. */
  readonly operations?: number;
  /** Images per run, if the work is a network. */
  readonly images?: number;
  /** Bytes read and written per run, if the work only moves memory. */
  readonly bytes?: number;
  /** The same network in PyTorch. */
  readonly torch?: TorchWork;
  /** Makes the operands and returns the function to time, which returns tensors to dispose of. */
  prepare(): () => readonly AnyTensor[];
}

/** The milliseconds per run: the median and the minimum of several rounds. */
interface Time {
  readonly milliseconds: number;
  readonly minimum: number;
}

export interface GpuResult extends Time {
  readonly name: string;
  readonly teraOperationsPerSecond?: number;
  readonly imagesPerSecond?: number;
  readonly gigabytesPerSecond?: number;
  /** The float twin in PyTorch, by variant, in the same rounds. */
  readonly torch?: Readonly<Record<string, Time>>;
  /** The time of each kernel in one run, by the GPU's clock, most expensive first. */
  readonly kernels?: readonly KernelTime[];
}

export interface GpuSizes {
  /** The size of the tensor that is copied. */
  readonly copyMegabytes: number;
  /** Rows and columns of the matrix products. */
  readonly matrix: number;
  readonly imageSize: number;
  readonly inferenceBatch: number;
  readonly trainingBatch: number;
}

/** All pieces of work, in the order of the report. */
export const gpuWorks = ({
  copyMegabytes,
  matrix,
  imageSize,
  inferenceBatch,
  trainingBatch,
}: GpuSizes): readonly GpuWork[] => [
  multiplyAddLimit,
  copyLimit(copyMegabytes),
  {
    name: `f32 matrix product ${matrix}³`,
    operations: 2 * matrix ** 3,
    prepare() {
      const rng = Rng.fromSeed(1);
      const [a, b] = [rng.normal([matrix, matrix]), rng.normal([matrix, matrix])];
      return () => [matmul(a, b)];
    },
  },
  {
    name: `bit matrix product ${matrix}³`,
    operations: 2 * matrix ** 3,
    prepare() {
      const rng = Rng.fromSeed(1);
      const [a, b] = [packBits(rng.normal([matrix, matrix])), packBits(rng.normal([matrix, matrix]))];
      return () => [bitMatmul(a, b)];
    },
  },
  {
    name: `inference, ${imageSize}×${imageSize}, batch ${inferenceBatch}`,
    images: inferenceBatch,
    torch: { work: 'inference', size: imageSize, batch: inferenceBatch },
    prepare() {
      const bytes = withBackend('cpu', () => packModel(createMoBiNet({ block: 'mid', k: 3, imageSize })));
      const network = unpackModel(bytes);
      const images = Rng.fromSeed(1).normal([inferenceBatch, imageSize, imageSize, 3]);
      return () => [noGradient(() => network.forward(images))];
    },
  },
  {
    name: `training, ${imageSize}×${imageSize}, batch ${trainingBatch}`,
    images: trainingBatch,
    torch: { work: 'training', size: imageSize, batch: trainingBatch },
    prepare() {
      const model = createMoBiNet({ block: 'mid', k: 3, imageSize });
      const optimizer = new Adam({ learningRate: 1e-3 });
      const lossAndGradient = valueAndGradient((model: MoBiNet, images: Tensor, labels: Tensor<'i32'>) =>
        crossEntropy(model.forward(images), labels),
      );
      const images = Rng.fromSeed(1).normal([trainingBatch, imageSize, imageSize, 3]);
      const labels = tensor(
        Array.from({ length: trainingBatch }, (_, index) => index % model.options.classes),
        { dtype: 'i32' },
      );
      return () => {
        const { value, gradients } = lossAndGradient(model, images, labels);
        optimizer.update(model, gradients);
        dispose(gradients);
        return [value];
      };
    },
  },
];

const limitInvocations = 1 << 20;
const limitSteps = 512;
const limitSums = 4;

const limitShader = new Shader('fma_limit', {
  reads: {},
  writes: { result: 'f32' },
  parameters: { factor: 'f32' },
  workgroup: [256, 1],
  main: `
  ${times(limitSums, (k) => `var sum${k} = vec4f(f32(lane + ${k}u));`)}
  for (var step = 0u; step < ${limitSteps}u; step++) {
    ${times(limitSums, (k) => `sum${k} = fma(sum${k}, vec4f(p.factor), vec4f(1.0));`)}
  }
  let sum = ${Array.from({ length: limitSums }, (_, k) => `sum${k}`).join(' + ')};
  result[group.x * 256u + lane] = sum.x + sum.y + sum.z + sum.w;`,
});

function times(count: number, line: (k: number) => string): string {
  return Array.from({ length: count }, (_, k) => line(k)).join('\n    ');
}

/** Multiply-adds in registers and nothing else: an upper bound for this GPU. */
const multiplyAddLimit: GpuWork = {
  name: 'f32 multiply-adds in registers',
  operations: 2 * limitInvocations * limitSteps * limitSums * 4,
  prepare() {
    const result = zeros([limitInvocations]);
    return () => {
      limitShader.run({}, { result }, { factor: 0.5 }, [limitInvocations / 256]);
      return [];
    };
  },
};

const copyShader = new Shader('copy_limit', {
  reads: { x: 'f32' },
  writes: { y: 'f32' },
  parameters: { count: 'u32' },
  workgroup: linearWorkgroup,
  main: `${linear('p.count')}
  y[i] = x[i];`,
});

/** A copy and nothing else: the rate at which kernels can read and write this GPU's memory. */
const copyLimit = (megabytes: number): GpuWork => ({
  name: `copy of ${megabytes} MB`,
  bytes: 2e6 * megabytes,
  prepare() {
    const count = (megabytes * 1e6) / 4;
    const [x, y] = [zeros([count]), zeros([count])];
    return () => {
      copyShader.run({ x }, { y }, { count }, groupsOf(count));
      return [];
    };
  },
});

/** Waits for all submitted work: the queue runs in order, so a tensor made last is ready last. */
async function endOfWork(): Promise<void> {
  const last = tensor([0]);
  await last.data();
  last.dispose();
}

const rounds = 5;

/** Times one piece of work in rounds of about `milliseconds` each, and in the same rounds in PyTorch, if given. */
export async function timeOnGpu(
  work: GpuWork,
  {
    milliseconds = 300,
    kernels = false,
    torch = null,
  }: { milliseconds?: number; kernels?: boolean; torch?: TorchGpu | null } = {},
): Promise<GpuResult> {
  const run = work.prepare();
  const round = async (count: number): Promise<number> => {
    const start = performance.now();
    for (let i = 0; i < count; i++) dispose(tidy(run));
    await endOfWork();
    return performance.now() - start;
  };
  // The first round compiles kernels and makes buffers; the third one estimates how many runs fit into a round.
  await round(1);
  await round(2);
  const count = Math.max(1, Math.round((2 * milliseconds) / (await round(2))));
  const taken: number[] = [];
  const variants = torch && work.torch ? torchVariants : [];
  const takenByTorch = new Map(variants.map((variant) => [variant, [] as number[]]));
  for (let k = 0; k < rounds; k++) {
    taken.push((await round(count)) / count);
    for (const [variant, times] of takenByTorch) times.push(await torch!.time(work.torch!, variant, milliseconds));
  }
  const time = median(taken);
  return {
    name: work.name,
    ...timeOf(taken),
    ...(work.operations && { teraOperationsPerSecond: work.operations / time / 1e9 }),
    ...(work.images && { imagesPerSecond: (1000 * work.images) / time }),
    ...(work.bytes && { gigabytesPerSecond: work.bytes / time / 1e6 }),
    ...(takenByTorch.size > 0 && {
      torch: Object.fromEntries(Array.from(takenByTorch, ([variant, times]) => [variantName(variant), timeOf(times)])),
    }),
    ...(kernels && { kernels: await timeKernels(() => round(1)) }),
  };
}

const timeOf = (taken: readonly number[]): Time => ({ milliseconds: median(taken), minimum: Math.min(...taken) });

/** The hours that 50 epochs of ImageNet (64 million images) take at the measured training rate, if it was measured. */
export function hoursOfImageNet(results: readonly GpuResult[]): { imageNetHours?: number } {
  const rate = results.find(({ name }) => name.startsWith('training'))?.imagesPerSecond;
  return rate ? { imageNetHours: 64e6 / rate / 3600 } : {};
}

async function timeKernels(run: () => Promise<unknown>): Promise<readonly KernelTime[]> {
  const stop = await startGpuTimes();
  await run();
  return stop();
}
