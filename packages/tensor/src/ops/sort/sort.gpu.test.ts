import { expect, test } from 'vitest';
import { withBackend } from '../../backend.js';
import { tensor } from '../../create.js';
import { MissingKernelError } from '../../errors.js';
import { toBackend } from '../../move.js';
import { sort } from './sort.js';
import { topK } from './top-k.js';
import { unique } from './unique.js';

test.each([sort, unique, (x: never) => topK(x, 1)])('%o says that it does not run on a GPU', (f) => {
  const x = withBackend('webgpu', () => toBackend(tensor([2, 1])));
  expect(() => f(x as never)).toThrow(MissingKernelError);
  expect(() => f(x as never)).toThrow(/^(argsort|unique) has no GPU kernel\. Move its inputs to the CPU/);
});
