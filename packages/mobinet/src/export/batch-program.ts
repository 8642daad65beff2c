import { inferenceRules } from '@mobinet/bnn';
import {
  checkList,
  checkRecord,
  compile,
  type Shape,
  ShapeError,
  type Tensor,
  withBackend,
} from '@mobinet/tensor/functions';
import type { ReadyProgram, TensorFunction } from '@mobinet/tensor/kernels';

/**
 * A function of images, compiled for the batch size of its last call, since most callers use one size for all batches
 * but the last.
 */
export class BatchProgram {
  readonly #forward: TensorFunction;
  /** [height, width, channels] of an image. */
  readonly #imageShape: Shape;
  #ready: { readonly key: string; readonly program: ReadyProgram } | null = null;

  constructor(forward: TensorFunction, imageShape: Shape) {
    this.#forward = forward;
    this.#imageShape = imageShape;
  }

  /** The program for batches like x, on the backend of x. @throws ShapeError unless x is [batch, ...imageShape]. */
  for(x: Pick<Tensor, 'shape' | 'backend'>): ReadyProgram {
    checkRecord('forward: images', x);
    checkList('forward: the shape of images', x.shape);
    const [batch, ...image] = x.shape;
    if (x.shape.length !== 4 || image.join() !== this.#imageShape.join()) {
      throw new ShapeError('forward', `images must be [batch, ${this.#imageShape.join(', ')}]`, [
        { name: 'x', shape: x.shape, note: 'batch, height, width, channels' },
      ]);
    }
    const key = `${batch} on ${x.backend}`;
    if (this.#ready?.key !== key) {
      // Frees the old program before the new one takes memory. `#ready` stays null if compilation runs out of memory.
      this.dispose();
      const program = withBackend(x.backend, () =>
        compile(this.#forward, [{ dtype: 'f32', shape: x.shape }], { rules: inferenceRules }),
      );
      this.#ready = { key, program };
    }
    return this.#ready!.program;
  }

  dispose(): void {
    this.#ready?.program.dispose();
    this.#ready = null;
  }
}
