import type { Module } from '@mobinet/autograd';
import { findMisfits, misfitError } from '@mobinet/autograd/kernels';
import { assign, type DType, type Tensor } from '@mobinet/tensor/functions';

/** Parameters and running statistics by name. */
export function modelTensors(model: Module): Map<string, Tensor> {
  return new Map([...model.parameters(), ...model.state()]);
}

/** Copies tensors, by name, to the parameters and running statistics of a network. */
export function copyTensors(tensors: ReadonlyMap<string, Tensor>, target: Module): void {
  for (const [name, tensor] of modelTensors(target)) assign(tensor, tensors.get(name)!);
}

/**
 * Checks the tensors of a file before they are copied to those of a network.
 *
 * @param own The tensors of the network, by the names that they have in the file.
 * @throws FormatError that lists the tensors that are missing, that do not belong to the network, or that have another
 *   dtype or shape.
 */
export function checkSaved(
  own: ReadonlyMap<string, Tensor>,
  saved: ReadonlyMap<string, Tensor<DType>>,
  source: string,
): void {
  const misfits = findMisfits(own, saved);
  if (Object.values(misfits).some(({ length }) => length > 0)) throw misfitError(misfits, { own, saved, source });
}
