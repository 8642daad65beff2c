import { Kernel, type KernelParameters, type ParameterTypes } from '../../backends/cpu/kernel.js';
import type { F32x4, I32 } from '../../wasm/assembler.js';

/** What becomes of a gradient before it is stored: code of the one who asks, so that it need not be read and written again. */
export interface Epilogue<P extends ParameterTypes> {
  /** Tells kernels with different epilogues apart. */
  readonly name: string;
  readonly parameters: P;
  /** Statements for a pixel, once. */
  readonly row: (parameters: KernelParameters<P>, pixel: I32) => RowEpilogue;
}

/** What becomes of four elements of a pixel's row, which begin offset + constant bytes into it. */
export type RowEpilogue = (value: F32x4, offset: I32, constant: number) => F32x4;

/** Stores gradients as they are. */
export const noEpilogue: Epilogue<Record<never, never>> = {
  name: 'plain',
  parameters: {},
  row: () => (value) => value,
};

/** Kernels that differ in numbers known when they are assembled, and in their epilogue. Made when first asked for, then kept. */
export function epilogueFamily<P extends ParameterTypes, S extends readonly (number | boolean)[]>(
  name: (...specialisation: S) => string,
  parameters: P,
  body: (
    parameters: KernelParameters<P>,
    from: I32,
    to: I32,
    scratch: I32,
    epilogue: (pixel: I32) => RowEpilogue,
    ...specialisation: S
  ) => void,
): <E extends ParameterTypes>(epilogue: Epilogue<E>, ...specialisation: S) => Kernel<P & E> {
  const made = new Map<string, Kernel<ParameterTypes>>();
  return <E extends ParameterTypes>(epilogue: Epilogue<E>, ...specialisation: S) => {
    const fullName = `${name(...specialisation)}_${epilogue.name}__lookup`;
    let kernel = made.get(fullName);
    if (!kernel) {
      kernel = new Kernel<ParameterTypes>(
        fullName,
        { ...parameters, ...epilogue.parameters },
        (all, from, to, scratch) => {
          const row = (pixel: I32): RowEpilogue => epilogue.row(all as KernelParameters<E>, pixel);
          body(all as KernelParameters<P>, from, to, scratch, row, ...specialisation);
        },
      );
      made.set(fullName, kernel);
    }
    return kernel as unknown as Kernel<P & E>;
  };
}
