import { expect, test } from 'vitest';

test('where nothing has brought the kernels for GPUs, the error says what to import', async () => {
  // Another instance of the module, to which nobody has brought any.
  const module = './gpu-kernels.js?another';
  const { gpuKernels } = await import(/* @vite-ignore */ module);
  expect(gpuKernels).toThrow("Add: import '@mobinet/bnn/webgpu'");
});
