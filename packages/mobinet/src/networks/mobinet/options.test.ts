import { describe, expect, test } from 'vitest';
import { mobinet } from './network.js';

describe('the options of a MoBiNet', () => {
  test('take their defaults, also where they are undefined', () => {
    const defaults = mobinet.resolve({});
    expect(defaults).toMatchObject({
      block: 'mid',
      k: 3,
      width: 1,
      imageSize: 224,
      classes: 1000,
      stemStride: 2,
      seed: 0,
    });
    expect(mobinet.resolve({ k: 1, block: undefined })).toEqual({ ...defaults, k: 1 });
  });

  const wrong: [given: Record<string, unknown>, message: RegExp][] = [
    [{ depth: 3 }, /^mobinet has no option "depth"\. Its options are classes, /],
    [{ toString: 1 }, /^mobinet has no option "toString"\. /],
    [{ block: 'middle' }, /^block must be one of none, pre, mid, post, not "middle"$/],
    [{ activation: 'gelu' }, /^activation must be one of prelu, relu, rprelu, /],
    [{ shift: true }, /^shift must be one of none, learned, not true$/],
    [{ skip: true }, /^skip must be one of all, same-shape, figure, none, not true$/],
    [{ pool: 'mean' }, /^pool must be one of average, max, min, /],
    [{ stemStride: 3 }, /^stemStride must be one of 1, 2, not 3$/],
    [{ padding: 'same' }, /^padding must be one of one, zero, /],
    [{ estimator: 'sign' }, /^estimator must be one of approx, clip, identity, /],
    [{ scalingGradient: 'none' }, /^scalingGradient must be one of full, xnor-net, detached, /],
    [{ k: -1 }, /^k must be a whole number from 0 to 64, not -1$/],
    [{ k: 1.5 }, /^k must be a whole number /],
    [{ k: '3' }, /^k must be a whole number /],
    [{ classes: 0 }, /^classes must be a whole number from 1 to 1000000, not 0$/],
    [{ imageSize: -32 }, /^imageSize must be a whole number from 1 to 16384, not -32$/],
    [{ imageSize: null }, /^imageSize must be a whole number /],
    [{ width: 0 }, /^width must be a number above 0, up to 64, not 0$/],
    [{ width: -0.5 }, /^width must be a number above 0, up to 64, not -0.5$/],
    [{ width: Number.NaN }, /^width must be a number above 0, up to 64, not NaN$/],
    [{ width: Number.POSITIVE_INFINITY }, /^width must be a number above 0, up to 64, not Infinity$/],
    [{ seed: 0.5 }, /^seed must be a whole number, not 0.5$/],
  ];

  test.each(wrong)('are refused in one line: %o', (given, message) => {
    expect(() => mobinet.resolve(given)).toThrow(RangeError);
    expect(() => mobinet.resolve(given)).toThrow(message);
  });
});
