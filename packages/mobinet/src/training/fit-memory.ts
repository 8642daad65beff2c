import { totalmem } from 'node:os';
import type { Module } from '@mobinet/autograd';
import {
  checkNumber,
  checkNumbers,
  checkOptions,
  checkRecord,
  currentBackend,
  gpuTensorLimit,
  memory,
  OutOfMemoryError,
  wholeNumbers,
  zeros,
} from '@mobinet/tensor/functions';
import { checkArgument, kinds } from '../data/arguments.js';
import { microBatchSize } from '../data/micro-batches.js';
import type { TrainingRun } from './run.js';
import { type StepPlan, stepMemory } from './step-memory.js';

/** How a training step fits into memory. */
export interface StepFit {
  /** The number of micro-batches, a power of two. */
  readonly microBatches: number;
  /** Bytes that the step needs; on a GPU, those of its largest tensor. */
  readonly needed: number;
  /** Bytes available; on a GPU, the size limit of a tensor. */
  readonly available: number;
}

/** What a program needs besides tensors: decoded images, the threads that decode them, and itself. */
const overheadBytes = 1e9;

/**
 * Finds the smallest number of micro-batches, a power of two, with which a training step fits into memory.
 *
 * On the CPU, the limit is what WebAssembly and the machine have left. A GPU only reports how large a tensor may be,
 * not how much memory it has.
 *
 * @param step The network, its options, and the training options that memory depends on.
 * @param options Optional.
 * @param options.moreThan The result must exceed this number. Default 0.
 * @param options.available Bytes available. Default: what the current backend has.
 * @throws RangeError if not even single images fit.
 * @example
 * ```ts
 * import { fitMicroBatches, mobinet, paperTraining } from 'mobinet';
 *
 * // The paper's network on batches of 256 images of 224×224 pixels.
 * const step = { network: mobinet, options: mobinet.resolve({}), training: paperTraining };
 * const { microBatches } = fitMicroBatches(step, { available: 4e9 });
 * console.log(microBatches);
 * // → 8
 * ```
 */
export function fitMicroBatches(
  step: Omit<StepPlan, 'microBatches'>,
  options: { readonly moreThan?: number; readonly available?: number } = {},
): StepFit {
  checkStep(step);
  checkOptions('fitMicroBatches', options, ['moreThan', 'available']);
  const { moreThan = 0, available = availableMemory() } = options;
  checkNumbers('fitMicroBatches: ', { moreThan, available }, { moreThan: wholeNumbers(0), available: { from: 0 } });
  const { batchSize } = step.training;
  const onGpu = currentBackend() === 'webgpu';
  let needed = 0;
  for (let microBatches = 1; microBatches < 2 * batchSize; microBatches *= 2) {
    const { peak, largest } = stepMemory({ ...step, microBatches });
    needed = onGpu ? largest : peak;
    if (microBatches > moreThan && needed <= available) return { microBatches, needed, available };
  }
  throw new RangeError(
    `a training step needs ${gigabytes(needed)} even with one image at a time, but only ${gigabytes(available)} is available. ` +
      'Use a smaller --size, --width or --batch',
  );
}

function checkStep(step: Omit<StepPlan, 'microBatches'>): void {
  checkRecord('fitMicroBatches: the step', step);
  checkArgument('fitMicroBatches: network', step.network, kinds.network);
  step.network.resolve(step.options);
  checkRecord('fitMicroBatches: training', step.training);
  checkNumber('fitMicroBatches: batchSize', step.training.batchSize, wholeNumbers(1));
}

/**
 * Bytes available for a step; on a GPU, for its largest tensor.
 *
 * @param processes The number of processes that share the memory of the machine. Default 1.
 */
export function availableMemory(processes = 1): number {
  if (currentBackend() === 'webgpu') return gpuTensorLimit();
  const { limit } = memory();
  // Without any memory, the allocation throws an error that says why, with a remedy.
  if (limit === 0) zeros([1]).dispose();
  return Math.min(limit, machineMemory(processes));
}

function machineMemory(processes: number): number {
  const free = process.availableMemory();
  // macOS counts cached memory as used, although it would release it immediately.
  const available = (process.platform === 'darwin' ? Math.max(free, totalmem() / 2) : free) / processes;
  return Math.max(available - overheadBytes, available / 2);
}

/**
 * Adds the number of micro-batches that would fit to an out-of-memory error of a run, which may have a teacher. Returns
 * other errors unchanged.
 */
export function explainOutOfMemory(
  error: unknown,
  { network, options, training }: TrainingRun,
  teacher?: Module,
): unknown {
  // An error that was told to other processes is explained already.
  if (!(error instanceof OutOfMemoryError) || error.cause instanceof OutOfMemoryError) return error;
  const problem = `out of memory with ${microBatchSize(training)} images at a time`;
  let remedy = 'Use a smaller --size or --width, or a smaller --batch';
  try {
    const step = { network, options, training, ...(teacher && { makeTeacher: () => teacher }) };
    const { microBatches } = fitMicroBatches(step, { moreThan: training.microBatches });
    const fewer = microBatchSize({ ...training, microBatches });
    remedy = `Use --micro-batches ${microBatches} (${fewer} at a time), or a smaller --batch`;
  } catch {
    // No number of micro-batches fits, so the first remedy stands.
  }
  const { lack } = error;
  return new OutOfMemoryError(`${lack ? `${problem}: ${lack}` : problem}. ${remedy}`, { lack, cause: error });
}

/** Formats a number of bytes as MB or GB. */
export const gigabytes = (bytes: number): string =>
  bytes < 1e9 ? `${Math.ceil(bytes / 1e6)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
