import { type Argument, Kernel, type KernelParameters, type ParameterTypes } from '../../backends/cpu/kernel.js';
import { memoize, memoizeByIdentity } from '../../backends/memoize.js';
import type { F32x4, I32 } from '../../wasm/assembler.js';

/**
 * Code that is applied to a gradient while it is in registers or the cache, which saves a pass over memory.
 *
 * Kernels are assembled once per epilogue object, so an epilogue should be made once and reused.
 */
export interface Epilogue<P extends ParameterTypes> {
  /** Becomes part of the names of kernels, for profiles and error messages. */
  readonly name: string;
  /** The types of the numbers and addresses that it needs, by name. */
  readonly parameters: P;
  /** Emits the statements that run once for each pixel, and returns the code for its elements. */
  readonly row: (parameters: KernelParameters<P>, pixel: I32) => RowEpilogue;
}

/** Transforms four elements of a pixel's row, which start `offset` + `constant` bytes into it. */
export type RowEpilogue = (value: F32x4, offset: I32, constant: number) => F32x4;

/** The values of an epilogue's parameters. */
export type EpilogueArguments<P extends ParameterTypes> = { readonly [K in keyof P]: Argument };

/** Stores gradients unchanged. */
export const noEpilogue: Epilogue<Record<never, never>> = {
  name: 'plain',
  parameters: {},
  row: () => (value) => value,
};

/** A kernel that ends in an epilogue. */
interface EpilogueKernel<P extends ParameterTypes> {
  /** First part of the kernel's name. The name of the epilogue and `__lookup` follow. */
  readonly name: string;
  /**
   * Like a `KernelBody`. Calls `epilogue` for each pixel, and passes its elements through the result. It is null for
   * `noEpilogue`.
   */
  readonly body: (
    parameters: KernelParameters<P>,
    from: I32,
    to: I32,
    scratch: I32,
    epilogue: ((pixel: I32) => RowEpilogue) | null,
  ) => void;
}

/**
 * Kernels that differ in constants and in their epilogue. Each is assembled when first needed, then kept. Epilogues are
 * told apart by identity, so two of the same name do not share kernels.
 */
/* @__NO_SIDE_EFFECTS__ */
export function epilogueFamily<P extends ParameterTypes, S extends readonly (number | boolean)[]>(
  parameters: P,
  make: (...specialization: S) => EpilogueKernel<P>,
): <E extends ParameterTypes>(epilogue: Epilogue<E>, ...specialization: S) => Kernel<P & E> {
  const families = memoizeByIdentity((epilogue: Epilogue<ParameterTypes>) =>
    memoize((...specialization: S) => {
      const { name, body } = make(...specialization);
      return new Kernel<ParameterTypes>(
        `${name}_${epilogue.name}__lookup`,
        { ...parameters, ...epilogue.parameters },
        (all, from, to, scratch) => {
          const isPlain = (epilogue as object) === noEpilogue;
          body(all as KernelParameters<P>, from, to, scratch, isPlain ? null : (pixel) => epilogue.row(all, pixel));
        },
      );
    }),
  );
  return <E extends ParameterTypes>(epilogue: Epilogue<E>, ...specialization: S) =>
    families(epilogue as unknown as Epilogue<ParameterTypes>)(...specialization) as unknown as Kernel<P & E>;
}
