import { checkTensor, Tensor } from '@mobinet/tensor';

/**
 * A tensor that training changes. Optimizers write into it; nothing else does.
 *
 * In a `Module`, fields of this class are parameters, and other tensors are state (running statistics), which is saved
 * but gets no gradient.
 */
export class Parameter extends Tensor<'f32'> {
  /** Only its sign is used in the forward pass: weight decay would not regularise it, and it is saved as one bit. */
  readonly binary: boolean;

  /** @param initial The first value, which the parameter takes over. */
  constructor(initial: Tensor, { binary = false }: { binary?: boolean } = {}) {
    checkTensor('Parameter', initial, 'the first value');
    super('f32', initial.shape, initial.share());
    this.binary = binary;
    initial.dispose();
  }
}
