import { type Module, unflatten } from '@mobinet/autograd';
import { dispose, type Shape, type Tensor, tidy, withoutMemory, zeros } from '@mobinet/tensor/functions';
import { microBatchSize } from '../data/micro-batches.js';
import { BatchProgram } from '../export/batch-program.js';
import type { Network } from '../networks/network.js';
import type { ImageOptions } from '../networks/options.js';
import { distillationDefaults } from './distillation.js';
import { makeOptimizer, paperTraining, type TrainingOptions } from './options.js';
import { microBatchGradients } from './step.js';

/** A training step whose memory is to be measured. */
export interface StepPlan {
  readonly network: Network;
  readonly options: ImageOptions;
  readonly training: Pick<TrainingOptions, 'optimizer' | 'batchSize' | 'ema' | 'mixup'>;
  readonly microBatches: number;
  /** Makes the teacher, if there is one, or returns it. */
  readonly makeTeacher?: (() => Module) | undefined;
}

/** The memory that a step needs, in bytes. */
export interface StepMemory {
  /** An upper bound on all of it. Measured values on the CPU are lower, but above two thirds of it. */
  readonly peak: number;
  /** The largest tensor, which counts on a GPU, where each tensor is a buffer of its own. */
  readonly largest: number;
}

/** Scratch memory of kernels, such as the patches of convolutions, and the granularity in which memory grows. */
const kernelBytes = 1.25e7;

/** An allowance for fragmentation: blocks of many sizes leave gaps. */
const fragmentation = 1.15;

/** Measures the memory that a training step needs on the current backend, by running it `withoutMemory`. */
export function stepMemory({ network, options, training, microBatches, makeTeacher }: StepPlan): StepMemory {
  return withoutMemory((tally) => {
    tidy(() => {
      const { imageSize } = options;
      const size = microBatchSize({ ...training, microBatches });
      const model = network.make(options).train();
      // The averages are a second network.
      if (training.ema > 0) network.make(options);
      const optimizer = makeOptimizer({ ...paperTraining, ...training });
      const labels = zeros([size], 'i32');
      // All images of the batch exist from the start, and one sum of gradients waits at each level of the tree.
      const pieces = Math.ceil(training.batchSize / size);
      const [images] = Array.from({ length: pieces }, () => zeros([size, imageSize, imageSize, 3]));
      const part = { images, labels, ...(training.mixup > 0 && { mixup: { labels, share: 0.5 } }) };
      for (const { shape } of model.parameters().values()) {
        for (let level = 0; level < Math.log2(microBatches); level++) zeros(shape);
      }
      const distillation = makeTeacher && { ...distillationDefaults, teacher: asPacked(makeTeacher(), images.shape) };
      // Two steps, since the optimizer creates its moments in the first one.
      for (let step = 0; step < 2; step++) {
        const found = microBatchGradients(model, { ...part, labelSmoothing: 0, distillation, weight: 0.5 });
        optimizer.update(model, unflatten(model, found.gradients));
        dispose(found);
      }
      dispose([optimizer.state.tensors, distillation?.teacher]);
    });
    return { peak: fragmentation * tally.peak + kernelBytes, largest: tally.largest };
  });
}

/** Runs a teacher as `PackedModel` does: by a program whose memory it keeps between steps. */
function asPacked(teacher: Module, [, ...imageShape]: Shape) {
  teacher.eval();
  const program = new BatchProgram((images) => teacher.forward(images as Tensor), imageShape);
  return {
    forward: (images: Tensor) => program.for(images).run([images])[0] as Tensor,
    dispose: () => program.dispose(),
  };
}
