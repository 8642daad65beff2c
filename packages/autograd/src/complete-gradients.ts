import type { Tensor } from '@mobinet/tensor/functions';

type Listener = (path: string, gradient: Tensor) => void;

let current: Listener | null = null;

/**
 * Calls a listener with each gradient as soon as it is complete, while those of earlier layers are still being computed:
 * backpropagation goes from the last layer to the first. So gradients can be sent to other processes meanwhile.
 *
 * @param listener Gets the path of a parameter, such as `classifier.weight`, and its gradient, which is freed later. A
 *   parameter that the loss does not depend on has no gradient until the end, and is left out.
 * @param body Calls functions of `valueAndGradient` or `gradient`.
 * @example
 * ```ts
 * import { valueAndGradient } from '@mobinet/autograd';
 * import { onCompleteGradients } from '@mobinet/autograd/kernels';
 * import { mul, scalar, type Tensor } from '@mobinet/tensor';
 *
 * const product = valueAndGradient((w: { first: Tensor; second: Tensor }) => mul(mul(3, w.first), w.second));
 * const order: string[] = [];
 * onCompleteGradients(
 *   (path) => order.push(path),
 *   () => product({ first: scalar(1), second: scalar(2) }),
 * );
 * console.log(order.join(' '));
 * // → second first
 * ```
 */
export function onCompleteGradients<T>(listener: Listener, body: () => T): T {
  const outer = current;
  current = listener;
  try {
    return body();
  } finally {
    current = outer;
  }
}

/** The listener for the gradients of some tensors by their ids, if there is one. */
export function completionListener(
  watched: readonly (readonly [path: string, tensor: Tensor])[],
): ((id: number, gradient: Tensor) => void) | undefined {
  if (!current) return undefined;
  const listener = current;
  const paths = new Map(watched.map(([path, { id }]) => [id, path]));
  return (id, gradient) => {
    const path = paths.get(id);
    if (path !== undefined) listener(path, gradient);
  };
}
