import { checkTensor, Tensor } from '@mobinet/tensor';

/**
 * A tensor that is trained. Only optimizers write into it.
 *
 * In a `Module`, fields of this class are parameters. Other tensors are state, such as running statistics, which is
 * saved but gets no gradient.
 */
export class Parameter extends Tensor<'f32'> {
  /**
   * Whether the forward pass uses only its signs. Weight decay would not regularize it then, and it is exported as one
   * bit per element.
   */
  readonly binary: boolean;

  /** @param initial The initial value. The parameter takes over its memory, and disposes of the handle. */
  constructor(initial: Tensor, { binary = false }: { binary?: boolean } = {}) {
    checkTensor('Parameter', initial, 'the initial value');
    super('f32', initial.shape, initial.share());
    this.binary = binary;
    initial.dispose();
  }
}
