import type { Module } from '@mobinet/autograd';
import { assign, type DType, FormatError, type Tensor } from '@mobinet/tensor/functions';

/** Parameters and running statistics by name. */
export function modelTensors(model: Module): Map<string, Tensor> {
  return new Map([...model.parameters(), ...model.state()]);
}

/** Copies tensors, by name, to the parameters and running statistics of a network. */
export function copyTensors(tensors: ReadonlyMap<string, Tensor>, target: Module): void {
  for (const [name, tensor] of modelTensors(target)) assign(tensor, tensors.get(name)!);
}

/**
 * Checks a tensor of a file before it is copied to `target`.
 *
 * @throws FormatError unless it exists, is f32, and has the same shape.
 */
export function checkSaved(target: Tensor, saved: Tensor<DType> | undefined, name: string, source: string): Tensor {
  if (!saved) throw new FormatError(`${source}: tensor ${name} is missing`);
  if (saved.dtype !== 'f32' || saved.shape.join() !== target.shape.join()) {
    throw new FormatError(
      `${source}: tensor ${name} is ${saved.dtype} [${saved.shape}], but the network has f32 [${target.shape}]`,
    );
  }
  return saved as Tensor;
}
