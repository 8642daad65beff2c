import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { TreeSum } from './tree-sum.js';

type Leaf = number | null;

const add = (left: number, right: number): number => Math.fround(left + right);

/** The definition: the sum of a tree is the sum of its first half plus the sum of its second half. */
function definition(leaves: readonly Leaf[]): Leaf {
  if (leaves.length === 1) return leaves[0];
  const half = leaves.length / 2;
  const [left, right] = [definition(leaves.slice(0, half)), definition(leaves.slice(half))];
  return left === null || right === null ? (left ?? right) : add(left, right);
}

function treeSum(leaves: readonly Leaf[]): Leaf {
  const sum = new TreeSum(add);
  for (const leaf of leaves) sum.push(leaf);
  return sum.take();
}

const leaf = fc.option(fc.float({ noNaN: true, noDefaultInfinity: true }), { freq: 5 });
const fullTree = fc
  .integer({ min: 0, max: 6 })
  .chain((levels) => fc.array(leaf, { minLength: 2 ** levels, maxLength: 2 ** levels }));

describe('TreeSum', () => {
  test.prop([fullTree])('agrees with its definition bit for bit', (leaves) => {
    expect(treeSum(leaves)).toBe(definition(leaves));
  });

  test.prop([fullTree, fc.nat(6)])('gives the same bits if subtrees are summed separately', (leaves, level) => {
    const size = Math.min(2 ** level, leaves.length);
    const parts = Array.from({ length: leaves.length / size }, (_, i) =>
      treeSum(leaves.slice(i * size, (i + 1) * size)),
    );
    expect(treeSum(parts)).toBe(treeSum(leaves));
  });

  test.prop([fc.array(leaf, { maxLength: 40 })])('treats leaves missing to fill the tree as absent', (leaves) => {
    const filled = [...leaves, ...new Array<null>(64 - leaves.length).fill(null)];
    expect(treeSum(leaves)).toBe(definition(filled));
  });

  test('differs from a sequential sum, so the order matters', () => {
    const leaves = [1e8, 1, -1e8, 1].map(Math.fround);
    expect(treeSum(leaves)).not.toBe(leaves.reduce(add));
  });

  test('holds at most as many sums as the tree has levels, adds each leaf once, and resets', () => {
    let held = 0;
    let most = 0;
    const sum = new TreeSum((left: number[], right: number[]) => {
      held--;
      return [...left, ...right];
    });
    for (const round of [1, 2]) {
      for (let i = 0; i < 64; i++) {
        held++;
        most = Math.max(most, held);
        sum.push([i]);
      }
      expect(sum.take(), `round ${round}`).toEqual(Array.from({ length: 64 }, (_, i) => i));
      held = 0;
    }
    expect(most).toBe(Math.log2(64) + 1);
    expect(sum.take()).toBeNull();
    for (let i = 0; i < 5; i++) sum.push([i]);
    expect(sum.clear()).toEqual([[4], [0, 1, 2, 3]]);
    expect(sum.take()).toBeNull();
  });
});
