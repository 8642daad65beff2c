import type { Module } from '@mobinet/autograd';
import {
  type Shape,
  safetensorsByteLength,
  sizeOf,
  type UnsharedBytes,
  withoutMemory,
} from '@mobinet/tensor/functions';
import { bytesPerElement, type Program } from '@mobinet/tensor/kernels';
import { checkKinds } from '../data/arguments.js';
import { encodeChecked, metadataWithPlaceholder, packedFormat } from './checked-file.js';
import { checkImageMemory, withNetworkProgram } from './network-program.js';
import { encodeInfo, type PackedInfo } from './packed-info.js';
import { checkPortable, type PortableConstant, toPortable } from './portable-program.js';

/** Options of `packModel`, `exportOnnx`, `summary` and `drawGraph`. */
export interface ExportOptions extends PackedInfo {
  /** [height, width, channels] of an image. Default: the `imageShape` of the network, if it has one. */
  readonly imageShape?: Shape | undefined;
}

/** The kinds of these options. */
export const exportKinds = { imageShape: null, classes: null, preprocessing: null };

/**
 * Packs a network of images into a file that runs without the code that defined the network. The file contains what
 * `forward` does in evaluation mode, call by call, and its tensors, with one bit per binary weight. Latent weights and
 * optimizer state are left out.
 *
 * @param network A network from images [batch, height, width, channels] to logits [batch, classes].
 * @returns The bytes of the file, which `loadPacked` and `unpackModel` read.
 * @throws RangeError, one line, for ops that packed files do not support; TraceError if `forward` cannot be traced (see
 *   `trace`).
 * @throws TypeError, one line, if neither the options nor the network has the shape of an image.
 * @example
 * ```ts
 * import { createMoBiNet, packModel, unpackModel } from 'mobinet';
 *
 * const network = createMoBiNet({ width: 0.25, imageSize: 32, classes: 3 });
 * const bytes = packModel(network, { classes: ['cat', 'dog', 'owl'] }); // for saveFile, or a download
 * console.log(unpackModel(bytes).info.classes?.join(' '));
 * // → cat dog owl
 * ```
 * @example A network of your own
 * ```ts
 * import { Conv2d, GlobalAveragePool2d, Linear, Sequential } from '@mobinet/autograd';
 * import { BinaryConv2d } from '@mobinet/bnn';
 * import { Rng } from '@mobinet/tensor';
 * import { packModel, unpackModel } from 'mobinet';
 *
 * const rng = Rng.fromSeed(0);
 * const network = new Sequential(
 *   new Conv2d(3, 16, { rng }),
 *   new BinaryConv2d(16, 16, { stride: 2, rng }),
 *   new GlobalAveragePool2d(),
 *   new Linear(16, 2, { rng }),
 * );
 * const packed = unpackModel(packModel(network, { imageShape: [32, 32, 3] }));
 * console.log(`[${packed.imageShape}] to ${packed.classCount} classes`);
 * // → [32,32,3] to 2 classes
 * ```
 */
export function packModel(network: Module, options: ExportOptions = {}): UnsharedBytes {
  checkPackable(network, options);
  const { imageShape, ...info } = options;
  return withNetworkProgram('packModel', network, { imageShape }, (program) => {
    const { constants, metadata } = packedParts(program, info);
    const tensors = new Map(Array.from(constants, ([name, { tensor }]) => [name, tensor()]));
    return encodeChecked(packedFormat, tensors, metadata);
  });
}

/**
 * Checks that a network can be packed, for example before it is trained. Computes nothing and takes no memory.
 *
 * @throws RangeError or TraceError, like `packModel`.
 */
export function checkPackable(network: Module, options: ExportOptions = {}): void {
  checkKinds('packModel', options, exportKinds);
  const { imageShape, ...info } = options;
  const [one, three] = [1, 3].map((batch) =>
    withoutMemory(() =>
      withNetworkProgram('packModel', network, { imageShape, batch }, (program) => {
        if (batch === 1) checkImageMemory(program);
        return packedParts(program, info).metadata.program;
      }),
    ),
  );
  if (one !== three) {
    throw new RangeError(
      'packModel: forward does different things for different batch sizes. Make it independent of the batch size',
    );
  }
}

/** Sizes in a packed file, in bytes. */
export interface PackedBytes {
  /** The whole file. */
  readonly total: number;
  /** The tensor of each constant, by its index among the values of the program. */
  readonly perConstant: ReadonlyMap<number, number>;
}

/** The size of the packed file of a program. Works on tensors without elements, too. */
export function packedBytes(program: Program, info: PackedInfo): PackedBytes {
  const { constants, metadata } = packedParts(program, info);
  const specs = Array.from(constants, ([name, { dtype, shape }]) => ({ name, dtype, shape }));
  return {
    total: safetensorsByteLength(specs, metadataWithPlaceholder(packedFormat, metadata)),
    perConstant: new Map(
      Array.from(constants.values(), ({ index, dtype, shape }) => [index, bytesPerElement(dtype) * sizeOf(shape)]),
    ),
  };
}

interface PackedParts {
  readonly constants: ReadonlyMap<string, PortableConstant>;
  readonly metadata: Record<string, string>;
}

function packedParts(program: Program, info: PackedInfo): PackedParts {
  const [, classes] = program.values[program.outputs[0]].shape;
  const portable = toPortable(program);
  checkPortable(portable.program);
  const metadata = { program: JSON.stringify(portable.program), ...encodeInfo(info, classes) };
  return { constants: portable.constants, metadata };
}
