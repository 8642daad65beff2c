import type { Module } from '@mobinet/autograd';
import { assign, type DType, decodeSafetensors, dispose, FormatError, type Tensor } from '@mobinet/tensor/functions';
import { checkKinds, kinds } from '../data/arguments.js';
import { mobinet } from '../networks/mobinet/network.js';
import { checkNetwork, type Network } from '../networks/network.js';
import { checkSaved, modelTensors } from '../networks/tensors.js';
import { checkpointFormat, packedFormat } from './checked-file.js';
import { checkFinite } from './metadata.js';

/** Options of `importWeights`. */
export interface ImportOptions {
  /** Options of the network. */
  readonly options?: Readonly<Record<string, unknown>>;
  /** The kind of network. Default: MoBiNet. */
  readonly network?: Network;
  /** The name of the file in error messages. Default: `'weights'`. */
  readonly source?: string;
}

/**
 * Makes a network with weights that were trained elsewhere. The safetensors file must contain exactly the parameters
 * and running statistics of the network, as floats, under the names and in the shapes that docs/interop.md lists.
 *
 * @param bytes A safetensors file.
 * @throws FormatError, one line that names the tensors, if the file does not fit the network; RangeError for invalid
 *   options.
 * @example
 * ```ts
 * import { encodeSafetensors } from '@mobinet/tensor';
 * import { createMoBiNet, importWeights } from 'mobinet';
 *
 * const options = { width: 0.25, imageSize: 32, classes: 10 };
 * const trained = createMoBiNet(options); // elsewhere, such as in PyTorch
 * const bytes = encodeSafetensors(new Map([...trained.parameters(), ...trained.state()]));
 * const network = importWeights(bytes, { options });
 * const [a, b] = [trained, network].map((each) => each.parameters().get('classifier.weight')!.values);
 * console.log(a.every((value, i) => value === b[i]));
 * // → true
 * ```
 */
export function importWeights(bytes: Uint8Array, given: ImportOptions = {}): Module {
  checkKinds('importWeights', given, { options: kinds.record, network: null, source: kinds.text });
  const { options = {}, network = mobinet, source = 'weights' } = given;
  checkNetwork(network);
  const model = network.make(network.resolve(options));
  try {
    const { tensors, metadata } = decodeSafetensors(bytes, { source });
    try {
      if (metadata.format === checkpointFormat.format) {
        throw new FormatError(
          `${source}: this is a training checkpoint, which needs no import. Use mobinet export --checkpoint`,
        );
      }
      if (metadata.format === packedFormat.format) {
        throw new FormatError(`${source}: this is a packed model, which needs no import. Run it directly`);
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
  checkSaved(own, tensors, source);
  for (const [name, target] of own) {
    assign(target, tensors.get(name) as Tensor);
    checkFinite(name, target, source);
  }
}
