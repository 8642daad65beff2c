import type { Module } from '@mobinet/autograd';
import { checkRecord, type Shape, type Synchronous, type Tensor, tidy, withBackend } from '@mobinet/tensor';
import { disposeProgram, type Program, prune, trace } from '@mobinet/tensor/kernels';

/** What a function does with images [1, height, width, channels], for as long as `use` looks at it. */
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

/**
 * The same of a network in evaluation.
 * @param caller What an error begins with. @param given The shape of an image, where the network itself does not say it.
 */
export function withNetworkProgram<T>(
  caller: string,
  network: Module & { readonly imageShape?: Shape },
  given: Shape | undefined,
  use: (program: Program) => T,
): T {
  checkRecord(`${caller}: the network`, network);
  const imageShape = given ?? network.imageShape;
  if (!imageShape) throw new TypeError(`${caller}: name the shape of an image, such as imageShape: [32, 32, 3]`);
  return inEvaluation(network, () => withProgram((images) => network.forward(images), imageShape, use));
}

/** Runs `body` with a network in evaluation, and puts it back into the mode it was in. */
function inEvaluation<T>(network: Module, body: () => T): T {
  const wasTraining = network.training;
  network.eval();
  try {
    return body();
  } finally {
    if (wasTraining) network.train();
  }
}
