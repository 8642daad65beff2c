import type { Module } from '@mobinet/autograd';
import { modulesOf } from '@mobinet/autograd/kernels';
import {
  checkNumber,
  checkRecord,
  type Shape,
  type Synchronous,
  shown,
  type Tensor,
  tidy,
  wholeNumbers,
  withBackend,
} from '@mobinet/tensor';
import { disposeProgram, type Program, placedBytes, prune, trace } from '@mobinet/tensor/kernels';
import { largestSide } from '../data/source.js';

/** How images [batch, height, width, channels] become logits, to be written down. */
export interface ImageFunction {
  readonly forward: (images: Tensor) => Tensor;
  /** [height, width, channels] of an image. */
  readonly imageShape: Shape;
  /** What errors begin with, if anything. */
  readonly caller?: string;
  /** Default 1. */
  readonly batch?: number;
}

/**
 * What a function does with images, for as long as `use` looks at it.
 * @throws RangeError or ShapeError, one line, if these are no images, or what comes out are no logits.
 */
export function withProgram<T>(
  { forward, imageShape, caller, batch = 1 }: ImageFunction,
  use: (program: Program) => T,
): T {
  const prefix = caller === undefined ? '' : `${caller}: `;
  checkImageShape(prefix, imageShape);
  return withBackend('cpu', () =>
    tidy(() => {
      const program = prune(
        trace((images) => forward(images as Tensor), [{ dtype: 'f32', shape: [batch, ...imageShape] }]),
      );
      try {
        checkLogits(prefix, program);
        return use(program) as Synchronous<T>;
      } finally {
        disposeProgram(program);
      }
    }),
  );
}

function checkImageShape(prefix: string, shape: Shape): void {
  if (!Array.isArray(shape) || shape.length !== 3) {
    throw new RangeError(`${prefix}the shape of an image must be [height, width, channels], not ${shown(shape)}`);
  }
  for (const size of shape) checkNumber(`${prefix}a size of an image`, size, wholeNumbers(1, largestSide));
}

/** Logits are f32 [batch, classes], and depend on the images. */
function checkLogits(prefix: string, { values, inputs, outputs, constants }: Program): void {
  const { dtype, shape } = values[outputs[0]];
  if (constants.has(outputs[0])) throw new RangeError(`${prefix}what the network gives does not depend on the images`);
  const [batch] = values[inputs[0]].shape;
  if (outputs.length === 1 && dtype === 'f32' && shape.length === 2 && shape[0] === batch) return;
  throw new RangeError(`${prefix}its result is ${dtype} [${shape.join(', ')}], but must be f32 [batch, classes]`);
}

/**
 * The same of a network in evaluation.
 * @param caller What errors begin with. @param imageShape The shape of an image, where the network itself does not say it.
 */
export function withNetworkProgram<T>(
  caller: string,
  network: Module & { readonly imageShape?: Shape },
  { imageShape: given, batch }: { readonly imageShape?: Shape | undefined; readonly batch?: number },
  use: (program: Program) => T,
): T {
  checkRecord(`${caller}: the network`, network);
  const imageShape = given ?? network.imageShape;
  if (!imageShape) throw new TypeError(`${caller}: name the shape of an image, such as imageShape: [32, 32, 3]`);
  const forward = (images: Tensor): Tensor => network.forward(images);
  return inEvaluation(network, () => withProgram({ forward, imageShape, caller, ...(batch && { batch }) }, use));
}

/** Runs `body` with a network in evaluation, and puts all its modules back into the modes they were in. */
function inEvaluation<T>(network: Module, body: () => T): T {
  const modes = modulesOf(network).map((module) => [module, module.training] as const);
  network.eval();
  try {
    return body();
  } finally {
    for (const [module, training] of modes) module.training = training;
  }
}

/** What a network may take for one image on its way through, in bytes. Half of that is tight on a phone. */
const largestMemory = 2 ** 30;

/** @throws RangeError if a program takes too much for an image. */
export function checkImageMemory(program: Program): void {
  const bytes = placedBytes(program);
  if (bytes <= largestMemory) return;
  throw new RangeError(
    `an image takes ${bytes} bytes on its way through, more than the ${largestMemory} that it may take`,
  );
}
