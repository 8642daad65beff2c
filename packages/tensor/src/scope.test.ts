import { fc, test } from '@fast-check/vitest';
import { beforeEach, describe, expect, expectTypeOf } from 'vitest';
import { memory } from './backend.js';
import { ones, zeros } from './create.js';
import { dispose, keep, tidy } from './scope.js';
import type { Tensor } from './tensor.js';

let before: ReturnType<typeof memory>;
beforeEach(() => {
  before = memory();
});

/** The number of live tensors that were created since the test started. */
const alive = () => memory().tensors - before.tensors;

describe('tidy', () => {
  test('frees everything but its result', () => {
    const x = tidy(() => {
      zeros([100]);
      return ones([4]);
    });
    expectTypeOf(x).toEqualTypeOf<Tensor<'f32'>>();
    expect(memory()).toEqual({ ...before, tensors: before.tensors + 1, bytes: before.bytes + 16 });
    x.dispose();
    expect(memory()).toEqual(before);
  });

  test('keeps results in objects, arrays, maps and sets, at any depth, even in cycles', () => {
    const make = () => {
      zeros([1]);
      const result = {
        list: [zeros([1]), { deep: zeros([1]) }],
        map: new Map([['a', zeros([1])]]),
        set: new Set([zeros([1])]),
        nothing: null,
        text: 'x',
        circle: {},
      };
      result.circle = result;
      return result;
    };
    const result = tidy(make);
    expect(alive()).toBe(4);
    expect(result.map.get('a')?.disposed).toBe(false);
    dispose(result);
    expect(alive()).toBe(0);
  });

  test('frees everything if the callback throws', () => {
    expect(() =>
      tidy(() => {
        zeros([1]);
        tidy(() => keep(zeros([1])).dispose());
        throw new Error('oops');
      }),
    ).toThrow('oops');
    expect(memory()).toEqual(before);
  });

  test('passes the results of an inner scope to the outer one', () => {
    tidy(() => {
      const x = tidy(() => zeros([1]));
      expect(x.disposed).toBe(false);
    });
    expect(alive()).toBe(0);
  });

  test('frees everything if its result contains no tensor', () => {
    for (const result of [undefined, null, 3, 'x', Float32Array.of(1), () => 1, [], new Map()]) {
      const returned = tidy(() => {
        zeros([1]).alias();
        return result;
      });
      expect(returned).toBe(result);
    }
    expect(memory()).toEqual(before);
  });

  test('does not touch tensors from outside', () => {
    const x = zeros([1]);
    tidy(() => x.alias());
    tidy(() => void x.alias());
    expect(tidy(() => x)).toBe(x);
    expect(x.disposed).toBe(false);
    dispose(x);
    expect(alive()).toBe(1);
  });

  test('rejects asynchronous callbacks, both at compile time and at run time', () => {
    // @ts-expect-error the tensors would be freed at the first await
    expect(() => tidy(async () => zeros([1]))).toThrow(/^tidy: the callback returned a promise\. Await it outside\.$/m);
    expect(alive()).toBe(0);
  });

  /** A tree of nested scopes. Each creates tensors, runs inner scopes, and returns some of its tensors. */
  const { program } = fc.letrec<{ program: Program }>((tie) => ({
    program: fc.record({
      tensors: fc.nat({ max: 4 }),
      inner: fc.oneof({ maxDepth: 3 }, fc.constant<Program[]>([]), fc.array(tie('program'), { maxLength: 3 })),
      returned: fc.nat({ max: 4 }),
      fails: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
    }),
  }));

  test.prop([program])('leaves exactly the tensors that it returns, with any nesting', (root) => {
    const start = memory();
    const result = run(root);
    expect(memory().tensors - start.tensors).toBe(result.length);
    expect(result.every((x) => !x.disposed)).toBe(true);
    dispose(result);
    expect(memory()).toEqual(start);
  });
});

interface Program {
  tensors: number;
  inner: Program[];
  returned: number;
  fails: boolean;
}

function run({ tensors, inner, returned, fails }: Program): Tensor[] {
  try {
    return tidy(() => {
      const made = Array.from({ length: tensors }, () => zeros([3]));
      for (const program of inner) made.push(...run(program));
      if (fails) throw new Error('planned');
      return made.slice(0, returned);
    });
  } catch {
    return [];
  }
}

describe('keep', () => {
  test('removes tensors from all scopes, including those created in outer ones', () => {
    const kept: Tensor[] = [];
    tidy(() => {
      const outer = zeros([1]);
      tidy(() => {
        kept.push(...keep([outer, zeros([1])]));
      });
    });
    expect(kept.map((x) => x.disposed)).toEqual([false, false]);
    dispose(kept);
    expect(alive()).toBe(0);
  });
});

describe('dispose and using', () => {
  test('views share memory until the last one is disposed', () => {
    const x = ones([2, 3]);
    const view = x.alias([6]);
    expect(memory()).toEqual({ ...before, tensors: before.tensors + 2, bytes: before.bytes + 24 });
    dispose({ x });
    expect([...view.values]).toEqual([1, 1, 1, 1, 1, 1]);
    view.dispose();
    view.dispose();
    expect(memory()).toEqual(before);
  });

  test('using disposes at the end of the block', () => {
    {
      using x = zeros([8]);
      expect(x.disposed).toBe(false);
      expect(alive()).toBe(1);
    }
    expect(alive()).toBe(0);
  });

  test('a tensor disposed in a scope is not disposed again at its end', () => {
    tidy(() => {
      zeros([1]).dispose();
    });
    expect(memory()).toEqual(before);
  });
});
