import { checkChoice, checkOptions, checkTensor, DTypeError, Tensor } from '@mobinet/tensor/functions';

/**
 * A tensor that is trained. Only optimizers write into it.
 *
 * In a `Module`, fields of this class are parameters. Other tensors are state, such as running statistics, which is
 * saved but gets no gradient.
 *
 * @example
 * ```ts
 * import { Module, Parameter } from '@mobinet/autograd';
 * import { mul, scalar, type Tensor, tensor } from '@mobinet/tensor';
 *
 * class Scale extends Module {
 *   readonly factor = new Parameter(tensor([0.5, 2]));
 *   readonly count = scalar(0); // state: saved, but not trained
 *
 *   override forward(x: Tensor): Tensor {
 *     return mul(x, this.factor);
 *   }
 * }
 * const scale = new Scale();
 * console.log(`${[...scale.parameters().keys()]}, ${[...scale.state().keys()]}`);
 * // → factor, count
 * ```
 */
export class Parameter extends Tensor<'f32'> {
  /**
   * Whether the forward pass uses only its signs. Weight decay would not regularize it then, and it is exported as one
   * bit per element.
   */
  readonly binary: boolean;

  /**
   * @param initial The initial value, f32 of any shape. The parameter takes over its memory, and disposes of the
   *   handle.
   * @param options Optional.
   * @param options.binary See `binary`. Default false.
   * @throws TypeError if the initial value is not a tensor; DTypeError if it is not f32; RangeError for an unknown
   *   option.
   */
  constructor(initial: Tensor, options: { binary?: boolean } = {}) {
    checkTensor('Parameter', initial, 'the initial value');
    checkOptions('Parameter', options, ['binary']);
    if (initial.dtype !== 'f32') {
      throw new DTypeError(`Parameter: the initial value must be f32, not ${initial.dtype}. Use cast(x, 'f32').`);
    }
    const { binary = false } = options;
    checkChoice('Parameter: binary', binary, [true, false]);
    super('f32', initial.shape, initial.share());
    this.binary = binary;
    initial.dispose();
  }
}
