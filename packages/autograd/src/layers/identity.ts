import { checkTensor, reshape, type Tensor } from '@mobinet/tensor/functions';
import { Module } from '../module.js';

/**
 * Returns its input: the layer to put where another one is left out. The result is another handle on the same memory, so
 * that freeing it does not free the input.
 *
 * @example
 * ```ts
 * import { Identity, PReLU } from '@mobinet/autograd';
 * import { tensor } from '@mobinet/tensor';
 *
 * const make = (activated: boolean) => (activated ? new PReLU(1) : new Identity());
 * console.log([true, false].map((activated) => make(activated).forward(tensor([-4])).values[0]).join(' '));
 * // → -1 -4
 * ```
 */
export class Identity extends Module {
  override forward(x: Tensor): Tensor {
    checkTensor('Identity', x);
    return reshape(x, x.shape);
  }
}
