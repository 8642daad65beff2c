import { totalmem } from 'node:os';
import { currentBackend, gpuTensorLimit, memory, OutOfMemoryError, zeros } from '@mobinet/tensor';
import { microBatchSize } from '../data/micro-batches.js';
import type { TrainingRun } from './run.js';
import { type StepPlan, stepMemory } from './step-memory.js';

/** How a step fits into memory. */
export interface StepFit {
  readonly microBatches: number;
  /** How much memory the step takes, and how much there is for it, in bytes: on a GPU, for its largest tensor. */
  readonly needed: number;
  readonly available: number;
}

/** What a program takes beside tensors: decoded images, the threads that decode them, and itself. */
const otherBytes = 1e9;

/**
 * The least number of micro-batches, a power of two, with which a step fits into the memory that there is.
 *
 * On the CPU that is what WebAssembly and the machine have left. A GPU does not tell how much it has, only how large a tensor may be.
 *
 * @param options.moreThan Only so many micro-batches will do that are more than these. Default 0.
 * @throws RangeError if not even single images fit.
 */
export function fitMicroBatches(
  step: Omit<StepPlan, 'microBatches'>,
  { moreThan = 0, available = availableMemory() }: { moreThan?: number; available?: number } = {},
): StepFit {
  const { batchSize } = step.training;
  const onGpu = currentBackend() === 'webgpu';
  let needed = 0;
  for (let microBatches = 1; microBatches < 2 * batchSize; microBatches *= 2) {
    const { peak, largest } = stepMemory({ ...step, microBatches });
    needed = onGpu ? largest : peak;
    if (microBatches > moreThan && needed <= available) return { microBatches, needed, available };
  }
  throw new RangeError(
    `a step of training takes ${gigabytes(needed)}, even with one image at a time, but there are ${gigabytes(available)}. ` +
      'Use a smaller --size, --width or --batch',
  );
}

/** Memory for a step, in bytes: for all of it, or, on a GPU, for one tensor. */
export function availableMemory(): number {
  if (currentBackend() === 'webgpu') return gpuTensorLimit();
  const { limit } = memory();
  // There is none at all. Whoever asks for some hears why, and what to do.
  if (limit === 0) zeros([1]).dispose();
  return Math.min(limit, machineMemory());
}

function machineMemory(): number {
  const free = process.availableMemory();
  // macOS counts as used what it would give away at once.
  const available = process.platform === 'darwin' ? Math.max(free, totalmem() / 2) : free;
  return Math.max(available - otherBytes, available / 2);
}

/** Adds to an out-of-memory error in training what would fit. Other errors are returned unchanged. */
export function explainOutOfMemory(error: unknown, { network, options, training }: TrainingRun): unknown {
  if (!(error instanceof OutOfMemoryError)) return error;
  const problem = `out of memory with ${microBatchSize(training)} images at a time`;
  let remedy = 'Use a smaller --size or --width, or a smaller --batch';
  try {
    const { microBatches } = fitMicroBatches({ network, options, training }, { moreThan: training.microBatches });
    const fewer = microBatchSize({ ...training, microBatches });
    remedy = `Use --micro-batches ${microBatches} (${fewer} at a time), or a smaller --batch`;
  } catch {
    // Then nothing fits.
  }
  const { lack } = error;
  return new OutOfMemoryError(`${lack ? `${problem}: ${lack}` : problem}. ${remedy}`, { lack, cause: error });
}

export const gigabytes = (bytes: number): string =>
  bytes < 1e9 ? `${Math.ceil(bytes / 1e6)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
