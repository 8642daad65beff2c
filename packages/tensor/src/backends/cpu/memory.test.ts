import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { OutOfMemoryError } from '../../errors.js';
import { largestMemory, memoryLimit, openMemory } from './memory.js';

const bytesPerGiB = 2 ** 30;

/** The memory class of a device that provides at most `most` GiB, and the sizes requested from it. */
function device(most: number) {
  const requested: number[] = [];
  class Memory extends WebAssembly.Memory {
    constructor(descriptor: { initial: number; maximum: number; shared: boolean }) {
      requested.push(descriptor.maximum / 16384);
      if (descriptor.maximum / 16384 > most) throw new RangeError('could not allocate memory');
      super(descriptor);
    }
  }
  return { Memory, requested };
}

test.each([
  [4, [4]],
  [3, [4, 2]],
  [1, [4, 2, 1]],
  [0.5, [4, 2, 1, 0.5]],
])('a device that provides %d GiB gets the largest memory that fits', (most, expected) => {
  const { Memory, requested } = device(most);
  const { memory, limit } = largestMemory(Memory);
  expect(requested).toEqual(expected);
  expect(limit).toBe(requested.at(-1)! * bytesPerGiB);
  expect(memory.buffer.byteLength).toBe(2 ** 20);
  expect(() => memory.grow(limit / 65536)).toThrow(RangeError);
});

test('a memory that cannot grow is not accepted', () => {
  class Stuck extends WebAssembly.Memory {
    readonly #maximum: number;
    constructor(descriptor: { initial: number; maximum: number; shared: boolean }) {
      super(descriptor);
      this.#maximum = descriptor.maximum;
    }
    override grow(pages: number): number {
      if (this.#maximum > 16384) throw new RangeError('cannot grow');
      return super.grow(pages);
    }
  }
  expect(largestMemory(Stuck).limit).toBe(bytesPerGiB);
});

test('if none is available, the error says so, with a remedy', () => {
  const { Memory, requested } = device(0.25);
  expect(() => largestMemory(Memory)).toThrow(OutOfMemoryError);
  expect(requested).toEqual([4, 2, 1, 0.5]);
  expect(() => largestMemory(Memory)).toThrow(
    /^cannot reserve memory for tensors, not even 0\.5 GiB: could not allocate memory\. .*ulimit -v.*NODE_OPTIONS=--disable-wasm-trap-handler\.\nSee docs\/help\.md#out-of-memory$/,
  );
});

test('the memory of this process is created once', () => {
  expect(openMemory()).toBe(openMemory());
  expect(memoryLimit()).toBe(4 * bytesPerGiB);
});

test('kernels and threads work on a memory that is smaller than the type they import', () => {
  const program = `
    const { Memory } = WebAssembly;
    WebAssembly.Memory = class extends Memory {
      constructor(descriptor) {
        if (descriptor.maximum > 16384) throw new RangeError('could not allocate memory');
        super(descriptor);
      }
    };
    const { matmul, memory, ones, setThreads, zeros } = await import(${JSON.stringify(new URL('../../index.js', import.meta.url).href)});
    await setThreads(2);
    for (let time = 0; time < 50; time++) if (matmul(ones([300, 200]), ones([200, 300])).values[89_999] !== 200) throw time;
    try { zeros([2 ** 28]); } catch ({ message }) { console.log(memory().limit / 2 ** 30, message); }`;
  const output = execFileSync(process.execPath, ['--input-type=module', '-e', program], {
    encoding: 'utf8',
    env: { ...process.env, MOBINET_KERNELS: 'fast' },
  });
  expect(output).toMatch(
    /^1 out of memory: zeros requested 1\.07 GB .*\. The WebAssembly memory is limited to 1 GiB\. .*\nSee docs\/help\.md#out-of-memory\n$/,
  );
});
