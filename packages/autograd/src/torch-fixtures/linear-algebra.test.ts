import { einsum, type Tensor } from '@mobinet/tensor';
import { compareWithTorch } from './compare.test.helper.js';

compareWithTorch('linear-algebra', {
  // A case has its tensors first.
  einsum: (...given: (Tensor | string)[]) => einsum(given.at(-1) as string, ...(given.slice(0, -1) as Tensor[])),
});
