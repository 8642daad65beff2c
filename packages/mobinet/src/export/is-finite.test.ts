import { fc, test } from '@fast-check/vitest';
import { tensor } from '@mobinet/tensor';
import { expect } from 'vitest';
import { isFiniteTensor } from './is-finite.wasm.js';

const numbers = fc.float({ noDefaultInfinity: true, noNaN: true });
const others = fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY);

test.prop([fc.array(numbers, { maxLength: 70 }), others, fc.nat()], {
  examples: [[[3.4028234663852886e38, -3.4028234663852886e38, 1e-45, -0, 0], Number.NaN, 4]],
})('finds numbers that are not finite, wherever they are', (values, other, place) => {
  const x = tensor(Float32Array.from(values));
  expect(isFiniteTensor(x)).toBe(true);
  if (values.length === 0) return;
  x.values[place % values.length] = other;
  expect(isFiniteTensor(x)).toBe(false);
});
