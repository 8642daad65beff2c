import { expect, test } from 'vitest';
import { hasRelaxedSimd } from './features.js';

test('the fused multiply-add is found: every Node that this project runs on has it, behind a flag or without', () => {
  expect(hasRelaxedSimd()).toBe(true);
});
