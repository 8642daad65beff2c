import type { Module } from '@mobinet/autograd';
import { type Shape, type Synchronous, type Tensor, tidy, withBackend } from '@mobinet/tensor';
import { disposeProgram, type Program, prune, trace } from '@mobinet/tensor/kernels';

/** What a network does with images [1, height, width, channels], for as long as `use` looks at it. */
export function withProgram<T>(
  forward: (images: Tensor) => Tensor,
  [height, width, channels]: Shape,
  use: (program: Program) => T,
): T {
  return withBackend('cpu', () =>
    tidy(() => {
      const program = prune(
        trace((images) => forward(images as Tensor), [{ dtype: 'f32', shape: [1, height, width, channels] }]),
      );
      try {
        return use(program) as Synchronous<T>;
      } finally {
        disposeProgram(program);
      }
    }),
  );
}

/** Runs `body` with a network in evaluation, and puts it back into the mode it was in. */
export function inEvaluation<T>(network: Module, body: () => T): T {
  const wasTraining = network.training;
  network.eval();
  try {
    return body();
  } finally {
    if (wasTraining) network.train();
  }
}
