import { unflatten } from '@mobinet/autograd';
import { dispose, tidy, withoutMemory, zeros } from '@mobinet/tensor';
import { microBatchSize } from '../data/micro-batches.js';
import type { Network } from '../networks/network.js';
import type { ImageOptions } from '../networks/options.js';
import { makeOptimizer, paperTraining, type TrainingOptions } from './options.js';
import { microBatchGradients } from './step.js';

/** A step of training whose memory is asked for. */
export interface StepPlan {
  readonly network: Network;
  readonly options: ImageOptions;
  readonly training: Pick<TrainingOptions, 'optimizer' | 'batchSize'>;
  readonly microBatches: number;
}

/** What a step takes, in bytes. */
export interface StepMemory {
  /** All of it, at most. What is measured on the CPU is less, but more than two thirds of it. */
  readonly peak: number;
  /** The largest tensor: on a GPU, each is a buffer of its own. */
  readonly largest: number;
}

/** What kernels take beside tensors, patches of convolutions say, and what the memory grows by. */
const kernelBytes = 1.25e7;

/** Blocks of many sizes do not fill memory without gaps. */
const gaps = 1.15;

/** How much memory a step of training takes on the current backend. The step is done, but `withoutMemory`, so that it takes none. */
export function stepMemory({ network, options, training, microBatches }: StepPlan): StepMemory {
  return withoutMemory((tally) => {
    tidy(() => {
      const { imageSize } = options;
      const atOnce = microBatchSize({ ...training, microBatches });
      const model = network.make(options).train();
      const optimizer = makeOptimizer({ ...paperTraining, ...training });
      const labels = zeros([atOnce], 'i32');
      // All images of the batch are there from its beginning, and one sum of gradients waits at each level of the tree.
      const pieces = Math.ceil(training.batchSize / atOnce);
      const [images] = Array.from({ length: pieces }, () => zeros([atOnce, imageSize, imageSize, 3]));
      for (const { shape } of model.parameters().values()) {
        for (let level = 0; level < Math.log2(microBatches); level++) zeros(shape);
      }
      // The optimizer has its moments from the first step on.
      for (let step = 0; step < 2; step++) {
        const { loss, gradients } = microBatchGradients(model, { images, labels, labelSmoothing: 0, weight: 0.5 });
        optimizer.update(model, unflatten(model, gradients));
        dispose([loss, gradients]);
      }
      dispose(optimizer.state.tensors);
    });
    return { peak: gaps * tally.peak + kernelBytes, largest: tally.largest };
  });
}
