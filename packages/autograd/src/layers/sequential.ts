import { checkTensor, type DType, reshape, shown, type Tensor, tidy } from '@mobinet/tensor/functions';
import { Module } from '../module.js';

/**
 * Calls modules one after another. Intermediate results are freed, except those that a gradient rule needs.
 *
 * @example
 * ```ts
 * import { Linear, ReLU, Sequential } from '@mobinet/autograd';
 * import { ones, Rng } from '@mobinet/tensor';
 *
 * const rng = Rng.fromSeed(0);
 * const network = new Sequential(new Linear(4, 8, { rng }), new ReLU(), new Linear(8, 2, { rng }));
 * console.log(`${network.forward(ones([3, 4])).shape}: ${[...network.parameters().keys()].join(' ')}`);
 * // → 3,2: layers.0.weight layers.0.bias layers.2.weight layers.2.bias
 * ```
 * @example The input has the type of that of the first layer
 * ```ts
 * import { Embedding, Linear, Sequential } from '@mobinet/autograd';
 * import { Rng, tensor } from '@mobinet/tensor';
 *
 * const rng = Rng.fromSeed(0);
 * const network = new Sequential(new Embedding(10, 4, { rng }), new Linear(4, 2, { rng }));
 * console.log(`${network.forward(tensor([7, 0, 7], { dtype: 'i32' })).shape}`);
 * // → 3,2
 * ```
 */
export class Sequential<X extends Tensor<DType> = Tensor> extends Module<[x: X]> {
  /** The modules in the order of the calls. */
  readonly layers: readonly (Module | Module<[x: X]>)[];

  /**
   * @param layers Modules, each of which takes what the one before returns. All but the first take f32.
   * @throws TypeError if one is not a module, such as a list of layers.
   */
  constructor(...layers: readonly Module[]);
  constructor(first: Module<[x: X]>, ...rest: readonly Module[]);
  constructor(...layers: readonly (Module | Module<[x: X]>)[]) {
    super();
    for (const [at, layer] of layers.entries()) {
      if (layer instanceof Module) continue;
      throw new TypeError(`Sequential: layer ${at} must be a module, not ${shown(layer)}`);
    }
    this.layers = layers;
  }

  override forward(x: X): Tensor {
    // Another handle, which the caller may free without freeing x.
    if (this.layers.length === 0) {
      checkTensor('Sequential', x);
      return reshape(x as Tensor, x.shape);
    }
    // The constructor has checked that the types fit, as far as the compiler can see.
    return tidy(() => (this.layers as readonly Module[]).reduce((value, layer) => layer.forward(value), x as Tensor));
  }
}
