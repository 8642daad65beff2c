import { describe, expect, test } from 'vitest';
import { mobinet } from './network.js';
import type { Block, MoBiNetOptions, Skip } from './options.js';
import { planNetwork } from './plan.js';

const plan = (options: Partial<MoBiNetOptions>) => planNetwork(mobinet.resolve(options));

describe('planNetwork', () => {
  test("lays out the paper's units", () => {
    const { stem, units, features } = plan({ block: 'none', k: 0 });
    expect(stem).toEqual({ outChannels: 32, stride: 2, outSize: 112 });
    expect(features).toBe(1024);
    const rows = units.map(({ segments: [depthwise, pointwise], pool }) => [
      depthwise.inChannels,
      pointwise.outChannels,
      depthwise.size,
      pool,
    ]);
    expect(rows).toEqual([
      [32, 64, 112, false],
      [64, 128, 112, true],
      [128, 128, 56, false],
      [128, 256, 56, true],
      [256, 256, 28, false],
      [256, 512, 28, true],
      ...Array.from({ length: 5 }, () => [512, 512, 14, false]),
      [512, 1024, 14, true],
      [1024, 1024, 7, false],
    ]);
  });

  const order: Record<Block, readonly string[]> = {
    none: ['depthwise i→i', 'pointwise i→o'],
    pre: ['extra i→o', 'depthwise o→o', 'pointwise o→o'],
    mid: ['depthwise i→i', 'extra i→o', 'pointwise o→o'],
    post: ['depthwise i→i', 'pointwise i→i', 'extra i→o'],
  };

  test.each(Object.entries(order))('block %s runs %o', (block, expected) => {
    // Unit 1 goes from 64 to 128 channels.
    const [, { segments }] = plan({ block: block as Block, k: 2 }).units;
    const letter = (channels: number): string => (channels === 64 ? 'i' : 'o');
    expect(segments.map((s) => `${s.name} ${letter(s.inChannels)}→${letter(s.outChannels)}`)).toEqual(expected);
    for (const { name, kernel, groups, inChannels } of segments) {
      expect([kernel, groups]).toEqual(name === 'depthwise' ? [3, inChannels / 4] : [1, 1]);
    }
  });

  /** The skip repeats of each segment: in units that double the channels, and in units that keep them. */
  const skipTable: [block: Block, skip: Skip, doubling: number[], keeping: number[]][] = [
    ['none', 'figure', [1, 0], [1, 0]],
    ['pre', 'figure', [0, 1, 1], [0, 1, 1]],
    ['mid', 'figure', [1, 0, 1], [1, 0, 1]],
    ['post', 'figure', [1, 1, 0], [1, 1, 0]],
    ['none', 'same-shape', [1, 0], [1, 1]],
    ['pre', 'same-shape', [0, 1, 1], [1, 1, 1]],
    ['mid', 'same-shape', [1, 0, 1], [1, 1, 1]],
    ['post', 'same-shape', [1, 1, 0], [1, 1, 1]],
    ['none', 'all', [1, 2], [1, 1]],
    ['pre', 'all', [2, 1, 1], [1, 1, 1]],
    ['mid', 'all', [1, 2, 1], [1, 1, 1]],
    ['post', 'all', [1, 1, 2], [1, 1, 1]],
    ['none', 'none', [0, 0], [0, 0]],
    ['mid', 'none', [0, 0, 0], [0, 0, 0]],
  ];

  test.each(skipTable)('block %s, skip %s', (block, skip, doubling, keeping) => {
    const { units } = plan({ block, skip });
    const repeats = units.map(({ segments }) => segments.map(({ skipRepeats }) => skipRepeats));
    for (const unit of [0, 1, 3, 5, 11]) expect(repeats[unit]).toEqual(doubling);
    for (const unit of [2, 4, 6, 7, 8, 9, 10, 12]) expect(repeats[unit]).toEqual(keeping);
  });

  test('names the unit and a remedy if 2^K does not divide the channels', () => {
    expect(() => plan({ k: 6 })).toThrow(
      new RangeError(
        'units.0.depthwise: groups of 2^K = 64 channels do not divide its 32 channels. ' +
          'Use k ≤ 5, or a width above 1',
      ),
    );
    // In block pre, the channels have doubled already before the depth-wise layer. The remedy applies to every unit.
    expect(() => plan({ block: 'pre', k: 5, width: 0.25 })).toThrow(
      /^units\.0\.depthwise: .* its 16 channels\. Use k ≤ /,
    );
    expect(() => plan({ k: 2000 })).toThrow(RangeError);
  });

  test.each([0.1, 0.25, 0.3, 0.5, 0.75, 1])('suggests the largest K that works at width %d', (width) => {
    const message = (() => {
      try {
        return String(plan({ width, k: 40 }));
      } catch (error) {
        return (error as Error).message;
      }
    })();
    const k = Number(/Use k ≤ (\d+)/.exec(message)?.[1]);
    expect(() => plan({ width, k })).not.toThrow();
    expect(() => plan({ width, k: k + 1 })).toThrow(RangeError);
  });

  test('suggests the smallest size if an image shrinks to nothing', () => {
    expect(() => plan({ imageSize: 16 })).toThrow(
      /^imageSize 16 is too small: .*units\.11\. Use at least 32 with stemStride 2$/,
    );
    expect(() => plan({ imageSize: 1, stemStride: 1 })).toThrow(/units\.1\. Use at least 16 with stemStride 1$/);
    expect(plan({ imageSize: 32 }).units[12].outSize).toBe(1);
    expect(plan({ imageSize: 16, stemStride: 1 }).units[12].outSize).toBe(1);
  });
});
