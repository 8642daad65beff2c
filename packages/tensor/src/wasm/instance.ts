import { assemble, type FunctionDefinition } from './assembler.js';

/** Kernels that are ready to run, and the memory in which they find their operands. */
export interface KernelInstance<K> {
  readonly kernels: K;
  /** The kernels' memory, at least `byteLength` bytes of it, for the next call alone. Operands are copied in and out. */
  scratch(byteLength: number): ArrayBuffer;
}

const pageBytes = 65536;

/** Assembles kernels and loads them over a memory of their own. `K` names their functions. */
export function instantiate<K>(functions: readonly FunctionDefinition[]): KernelInstance<K> {
  const memory = new WebAssembly.Memory({ initial: 1 });
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(assemble(functions)), { env: { memory } });
  return {
    kernels: exports as K,
    scratch(byteLength) {
      const missing = byteLength - memory.buffer.byteLength;
      if (missing > 0) memory.grow(Math.ceil(missing / pageBytes));
      return memory.buffer;
    },
  };
}
