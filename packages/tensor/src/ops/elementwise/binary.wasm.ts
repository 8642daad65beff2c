import { pow } from '../../wasm/assembler.js';
import { BinaryKernel } from './elementwise.wasm.js';

export const binaryKernels = {
  add: new BinaryKernel('add', (a, b) => a.add(b)),
  sub: new BinaryKernel('sub', (a, b) => a.sub(b)),
  mul: new BinaryKernel('mul', (a, b) => a.mul(b)),
  div: new BinaryKernel('div', (a, b) => a.div(b)),
  pow: new BinaryKernel('pow', pow),
  maximum: new BinaryKernel('maximum', (a, b) => a.max(b)),
  minimum: new BinaryKernel('minimum', (a, b) => a.min(b)),
};
