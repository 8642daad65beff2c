import type { BitTensor } from '../../bit-tensor.js';
import type { Tensor } from '../../tensor.js';

/**
 * The tensors of the gradient of a convolution with respect to its images. Kernels compute dx, the transposed
 * convolution of scale · dy with the filter.
 */
export interface InputGradientTensors<Filter extends Tensor | BitTensor = Tensor | BitTensor> {
  /** [batch, outHeight, outWidth, outChannels] */
  readonly dy: Tensor;
  /** [outChannels, kernelHeight, kernelWidth, channels / groups] */
  readonly filter: Filter;
  /** A factor that the output of each filter was multiplied by, [outChannels], or null. */
  readonly scale: Tensor | null;
  /** [batch, height, width, channels] */
  readonly dx: Tensor;
}
