import type { Module } from '@mobinet/autograd';
import { type Shape, safetensorsByteLength, sizeOf, type UnsharedBytes, withoutMemory } from '@mobinet/tensor';
import { bytesOf, type Program } from '@mobinet/tensor/kernels';
import { encodeChecked, packedFormat, unsealedMetadata } from './checked-file.js';
import { checkImageMemory, withNetworkProgram } from './network-program.js';
import { encodeInfo, type PackedInfo } from './packed-info.js';
import { checkPortable, type PortableConstant, toPortable } from './portable-program.js';

/** What `packModel` and `exportOnnx` want to know of a network. */
export interface ExportOptions extends PackedInfo {
  /** [height, width, channels] of an image. Default: the `imageShape` of the network, where it has one. */
  readonly imageShape?: Shape | undefined;
}

/**
 * A network of images as a file, to be run without the code that made it: what its `forward` does in evaluation, call by call, and
 * its tensors, with one bit for each binary weight. Latent weights and all that training needs stay behind.
 *
 * ```ts
 * await saveFile('mine.mobinet.safetensors', packModel(network, { imageShape: [32, 32, 3], classes }));
 * ```
 *
 * @throws RangeError, one line, for an op that has no place in such a file; TraceError for what cannot be written down (`trace`).
 */
export function packModel(network: Module, { imageShape, ...info }: ExportOptions = {}): UnsharedBytes {
  checkPackable(network, { imageShape, ...info });
  return withNetworkProgram('packModel', network, { imageShape }, (program) => {
    const { constants, metadata } = packedParts(program, info);
    const tensors = new Map(Array.from(constants, ([name, { tensor }]) => [name, tensor()]));
    return encodeChecked(packedFormat, tensors, metadata);
  });
}

/**
 * Whether a network can be packed, before it is trained, say. Nothing is calculated, and no memory is taken.
 * @throws RangeError or TraceError as `packModel`.
 */
export function checkPackable(network: Module, { imageShape, ...info }: ExportOptions = {}): void {
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
      'packModel: what the network does depends on how many images it is given: it has no place in a file',
    );
  }
}

/** What the file of a program takes, in bytes: all of it, and the tensor of each constant, by its place. Constants need not have elements. */
export function packedBytes(program: Program, info: PackedInfo): { total: number; ofConstants: Map<number, number> } {
  const { constants, metadata } = packedParts(program, info);
  const specs = Array.from(constants, ([name, { dtype, shape }]) => ({ name, dtype, shape }));
  return {
    total: safetensorsByteLength(specs, unsealedMetadata(packedFormat, metadata)),
    ofConstants: new Map(
      Array.from(constants.values(), ({ place, dtype, shape }) => [place, bytesOf(dtype, 'cpu') * sizeOf(shape)]),
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
