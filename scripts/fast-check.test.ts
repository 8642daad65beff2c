import { fc } from '@fast-check/vitest';
import { expect, test } from 'vitest';

test('properties see arrays up to the length that they ask for', () => {
  const lengths = fc.sample(fc.array(fc.nat(), { maxLength: 100 }), 1000).map(({ length }) => length);
  expect(Math.max(...lengths)).toBeGreaterThan(90);
});
