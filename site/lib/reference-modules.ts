/** What people import, and the file of a package that exports it. */
export const modules = {
  '@mobinet/tensor': 'tensor/src/index.ts',
  '@mobinet/tensor/kernels': 'tensor/src/kernels.ts',
  '@mobinet/tensor/wasm': 'tensor/src/wasm/assembler.ts',
  '@mobinet/tensor/testing': 'tensor/src/testing/index.ts',
  '@mobinet/autograd': 'autograd/src/index.ts',
  '@mobinet/autograd/kernels': 'autograd/src/kernels.ts',
  '@mobinet/bnn': 'bnn/src/index.ts',
  '@mobinet/bnn/kernels': 'bnn/src/kernels.ts',
  mobinet: 'mobinet/src/index.ts',
  'mobinet/kernels': 'mobinet/src/kernels.ts',
  'mobinet/cli': 'mobinet/src/cli/index.ts',
};
