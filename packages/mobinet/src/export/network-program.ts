import type { Module } from '@mobinet/autograd';
import { modulesOf } from '@mobinet/autograd/kernels';
import {
  checkNumber,
  type Shape,
  type Synchronous,
  shown,
  type Tensor,
  tidy,
  wholeNumbers,
  withBackend,
} from '@mobinet/tensor/functions';
import { disposeProgram, type Program, placedBytes, prune, trace } from '@mobinet/tensor/kernels';
import { checkArgument, kinds } from '../data/arguments.js';
import { largestSide } from '../data/source.js';

/** A function from images [batch, height, width, channels] to logits [batch, classes], to be traced. */
export interface ImageFunction {
  readonly forward: (images: Tensor) => Tensor;
  /** [height, width, channels] of an image. */
  readonly imageShape: Shape;
  /** Prefix of error messages. */
  readonly caller?: string;
  /** Default 1. */
  readonly batch?: number;
}

/**
 * Traces a function of images and passes the program to `use`. The program is disposed when `use` returns.
 *
 * @throws RangeError or ShapeError, one line, if the image shape is invalid or the output is not logits.
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
    throw new RangeError(`${prefix}imageShape must be [height, width, channels], not ${shown(shape)}`);
  }
  for (const [axis, size] of shape.entries()) {
    checkNumber(`${prefix}imageShape[${axis}]`, size, wholeNumbers(1, largestSide));
  }
}

/** @throws RangeError unless the output is f32 [batch, classes] and depends on the images. */
function checkLogits(prefix: string, { values, inputs, outputs, constants }: Program): void {
  const { dtype, shape } = values[outputs[0]];
  if (constants.has(outputs[0])) throw new RangeError(`${prefix}the output does not depend on the images`);
  const [batch] = values[inputs[0]].shape;
  if (outputs.length === 1 && dtype === 'f32' && shape.length === 2 && shape[0] === batch) return;
  throw new RangeError(`${prefix}the output is ${dtype} [${shape.join(', ')}], but must be f32 [batch, classes]`);
}

/**
 * Traces a network in evaluation mode and passes the program to `use`.
 *
 * @param caller Prefix of error messages.
 * @param options.imageShape [height, width, channels] of an image. Default: the network's own `imageShape`.
 */
export function withNetworkProgram<T>(
  caller: string,
  network: Module & { readonly imageShape?: Shape },
  { imageShape: given, batch }: { readonly imageShape?: Shape | undefined; readonly batch?: number },
  use: (program: Program) => T,
): T {
  checkArgument(`${caller}: the network`, network, kinds.module);
  if (network.forward?.length > 1) {
    throw new RangeError(
      `${caller}: forward of ${network.constructor.name} takes ${network.forward.length} arguments, but must take images alone. Pass a part of the network that does`,
    );
  }
  const imageShape = given ?? network.imageShape;
  if (!imageShape) throw new TypeError(`${caller}: pass the shape of an image, such as imageShape: [32, 32, 3]`);
  // So that messages and reports name the layers as the network does.
  for (const [name, tensor] of [...network.parameters(), ...network.state()]) tensor.label ??= name;
  const forward = (images: Tensor): Tensor => network.forward(images);
  return inEvaluation(network, () => withProgram({ forward, imageShape, caller, ...(batch && { batch }) }, use));
}

/** Runs `body` with a network in evaluation mode, then restores the mode of each of its modules. */
function inEvaluation<T>(network: Module, body: () => T): T {
  const modes = modulesOf(network).map((module) => [module, module.training] as const);
  network.eval();
  try {
    return body();
  } finally {
    for (const [module, training] of modes) module.training = training;
  }
}

/** Limit on the memory that a network uses for one image, in bytes. Even half of it is tight on a phone. */
const maxImageBytes = 2 ** 30;

/** @throws RangeError if a program needs too much memory for one image. */
export function checkImageMemory(program: Program): void {
  const bytes = placedBytes(program);
  if (bytes <= maxImageBytes) return;
  throw new RangeError(`one image needs ${bytes} bytes of memory, more than the limit of ${maxImageBytes}`);
}
