import { expect, test } from 'vitest';

test('without the GPU kernels, the error says what to import', async () => {
  // A second instance of the module, to which no kernels were provided.
  const module = './gpu-kernels.js?another';
  const { gpuKernels } = await import(/* @vite-ignore */ module);
  expect(gpuKernels).toThrow("Add: import '@mobinet/bnn/webgpu'");
});
