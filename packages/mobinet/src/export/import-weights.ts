import type { Module } from '@mobinet/autograd';
import { assign, type DType, decodeSafetensors, dispose, FormatError, type Tensor } from '@mobinet/tensor';
import { oneLine } from '../data/errors.js';
import { mobinet } from '../networks/mobinet/network.js';
import type { Network } from '../networks/network.js';

import { checkSaved, modelTensors } from '../networks/tensors.js';
import { checkpointFormat, packedFormat } from './checked-file.js';
import { checkFinite } from './metadata.js';

export interface ImportOptions {
  readonly options?: Readonly<Record<string, unknown>>;
  readonly network?: Network;
  readonly source?: string;
}

/**
 * A network with weights that were trained elsewhere: a safetensors file of floats, with all parameters and running statistics
 * under the names and in the shapes that they have here (docs/interop.md lists them), and nothing else.
 *
 * @param about.options Those of the network, which the file does not tell.
 * @param about.network Default: MoBiNet.
 * @param about.source What errors call the file.
 * @throws FormatError, one line that names the tensor, if the file is not of this network. RangeError for bad options.
 */
export function importWeights(
  bytes: Uint8Array,
  { options = {}, network = mobinet, source = 'weights' }: ImportOptions = {},
): Module {
  const model = network.make(network.resolve(options));
  try {
    const { tensors, metadata } = decodeSafetensors(bytes, { source });
    try {
      if (metadata.format === checkpointFormat.format) {
        throw new FormatError(
          `${source}: a training checkpoint, which needs no import. Use mobinet export --checkpoint`,
        );
      }
      if (metadata.format === packedFormat.format) {
        throw new FormatError(`${source}: a packed model, which needs no import. It runs as it is`);
      }
      fill(model, tensors, source);
    } finally {
      dispose(tensors);
    }
    return model;
  } catch (error) {
    model.dispose();
    throw error;
  }
}

function fill(model: Module, tensors: ReadonlyMap<string, Tensor<DType>>, source: string): void {
  const own = modelTensors(model);
  for (const [name, target] of own) {
    assign(target, checkSaved(target, tensors.get(name), name, source));
    checkFinite(name, target, source);
  }
  for (const name of tensors.keys()) {
    if (!own.has(name)) throw new FormatError(oneLine(`${source}: tensor ${name} does not belong to this network`));
  }
}
