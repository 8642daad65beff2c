import { expect, test } from 'vitest';
import { hasRelaxedSimd } from './features.js';

test('the fused multiply-add is available: all supported versions of Node have it, with or without a flag', () => {
  expect(hasRelaxedSimd()).toBe(true);
});
