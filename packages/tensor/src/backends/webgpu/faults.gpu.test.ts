import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { withBackend } from '../../backend.js';
import { tensor, zeros } from '../../create.js';
import { BackendError, OutOfMemoryError } from '../../errors.js';
import { toBackend } from '../../move.js';
import { add } from '../../ops/elementwise/binary.js';
import { gpu } from './gpu.js';

// Anything that makes a GPU unusable runs in a process of its own.

/** Runs a program that starts with an open GPU and a tensor `x` on it. Returns its output. */
function outputOf(program: string): string {
  const [index, internals] = ['../../index.js', './gpu.js'].map((path) =>
    JSON.stringify(new URL(path, import.meta.url)),
  );
  const opening = `
    import { add, tensor, toHost, useBackend, zeros } from ${index};
    import { gpu } from ${internals};
    const outcome = (promise) => promise.then(() => 'fine', ({ name, message }) => name + ': ' + message);
    await useBackend('webgpu');
    const x = tensor([1, 2, 3]);
    await x.data();`;
  return execFileSync(process.execPath, ['--input-type=module', '-e', opening + program], { encoding: 'utf8' }).trim();
}

/** Runs a program that requests a backend. Returns the backend and the reason, or the error. */
function choiceOf(choice: string, env: Record<string, string>): string {
  const index = JSON.stringify(new URL('../../index.js', import.meta.url));
  const program = `
    import { useBackend } from ${index};
    const { backend, reason } = await useBackend('${choice}').catch(({ message }) => ({ backend: 'error', reason: message }));
    console.log(backend + ': ' + reason);`;
  return execFileSync(process.execPath, ['--input-type=module', '-e', program], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'ignore'],
  }).trim();
}

describe('a GPU', () => {
  test('that is a software adapter is used on request, but not automatically', () => {
    expect(choiceOf('webgpu', {})).toMatch(/^webgpu: the GPU: .+/);
    if (process.env.VK_ICD_FILENAMES?.includes('swiftshader')) {
      expect(choiceOf('auto', {})).toMatch(/^cpu: the CPU: SwiftShader.* is a software adapter, not a GPU$/);
    }
  });

  test('that is missing is an error if it is requested, and otherwise a reason', () => {
    const none = { VK_ICD_FILENAMES: '/nowhere.json', VK_DRIVER_FILES: '/nowhere.json' };
    expect(choiceOf('webgpu', none)).toMatch(/^error: WebGPU is not available: WebGPU finds no GPU.* Use the CPU\./);
    expect(choiceOf('auto', none)).toMatch(/^cpu: the CPU: WebGPU finds no GPU and no driver$/);
    expect(choiceOf('cpu', none)).toBe('cpu: the CPU, as requested');
  });

  test('rejects a tensor that is larger than its buffers, and names the limit', () => {
    const { maxStorageBufferBindingSize, maxBufferSize } = gpu().device.limits;
    const tooMany = Math.min(maxStorageBufferBindingSize, maxBufferSize) / 4 + 1;
    const make = () => withBackend('webgpu', () => zeros([tooMany]));
    expect(make).toThrow(OutOfMemoryError);
    expect(make).toThrow(`zeros requested ${4 * tooMany} bytes, but a buffer of this GPU holds at most`);
    expect(make).toThrow(/\((maxStorageBufferBindingSize|maxBufferSize)\)\. Use a smaller batch or image\.\n/);
  });

  test('and the CPU cannot share an operation', () => {
    const x = tensor([1, 2]);
    const y = toBackend(x, 'webgpu');
    expect(() => add(x, y)).toThrow(BackendError);
    expect(() => add(x, y)).toThrow(
      'add: the tensors are on different backends: tensor 0 on cpu, tensor 1 on webgpu. Use toBackend(x).',
    );
  });

  test('that is lost reports it, and another can be opened', () => {
    const outcome = outputOf(`
      gpu().device.destroy();
      console.log(await outcome(x.data()));
      console.log(await outcome(toHost(x, { salvage: true })));
      await useBackend('webgpu');
      const y = add(tensor([1, 2, 3]), 1);
      console.log(...await y.data());
      try { add(x, y); } catch ({ message }) { console.log(message); }`).split('\n');
    expect(outcome[0]).toMatch(/^BackendError: the GPU was lost \(destroyed\): .*\. Its contents are lost\.$/);
    expect(outcome[1]).toBe(outcome[0]);
    expect(outcome[2]).toBe('2 3 4');
    expect(outcome[3]).toBe('a tensor was on a GPU that has failed');
  });

  test('that runs out of memory reports what requested it, and earlier tensors can be salvaged', () => {
    const outcome = outputOf(`
      await add(x, 1).data();
      // The kernel is compiled, but nothing is submitted yet.
      const y = add(x, 1);
      // Simulates running out of memory when the next buffer is created.
      gpu().device.popErrorScope = async () => ({ message: 'no memory' });
      const large = zeros([100_000]);
      console.log(await outcome(large.data()));
      console.log(await outcome(y.data()));
      console.log(...(await toHost(y, { salvage: true })).values);`).split('\n');
    expect(outcome[0]).toMatch(
      /^OutOfMemoryError: out of memory: the GPU cannot allocate \d+ bytes for zeros in addition to \d+ buffers\./,
    );
    expect(outcome[1]).toBe('See docs/help.md#out-of-memory');
    // The tensors that were to be computed meanwhile report the same error.
    expect(outcome.slice(2, 4)).toEqual(outcome.slice(0, 2));
    expect(outcome[4]).toBe('2 3 4');
  });

  test('that cannot compile a kernel reports the line', () => {
    const shader = JSON.stringify(new URL('./shader.js', import.meta.url));
    const outcome = outputOf(`
      const { Shader, linearWorkgroup } = await import(${shader});
      new Shader('half_done', {
        reads: {},
        writes: { y: 'f32' },
        parameters: {},
        workgroup: linearWorkgroup,
        main: 'let a = 1.0;\\n  y[0] = a + nothing;',
      }).run({}, { y: x }, {}, [1]);
      console.log(await outcome(x.data()));`);
    expect(outcome).toMatch(
      /^KernelError: kernel half_done does not compile: .*nothing.* in line \d+: y\[0\] = a \+ nothing;$/,
    );
  });
});
