import { isNode } from '../environment.js';
import { kernelSetting } from '../kernel-setting.js';
import { flatten, section, vector } from './encoding.js';

/**
 * Whether the engine supports instructions beyond WebAssembly 2.0. Validates a module with a single function, without
 * parameters, that returns a vector.
 */
function supports(instructions: readonly number[]): boolean {
  const v128 = 0x7b;
  const code = [0, ...instructions, 0x0b];
  return WebAssembly.validate(
    flatten([
      [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
      section(1, vector([[0x60, 0, 1, v128]])),
      section(3, vector([[0]])),
      section(10, vector([[code.length, ...code]])),
    ]),
  );
}

const zero = [0xfd, 0x0c, ...new Array<number>(16).fill(0)];

let relaxedSimd: boolean | undefined;

/**
 * Whether to use relaxed SIMD, which includes the fused multiply-add. Turns it on in Node 20.
 *
 * Engines and processors may round the multiply-add of relaxed SIMD once or twice, and do: V8 once, where the processor
 * can, but JavaScriptCore (Bun) twice on x86-64. `MOBINET_KERNELS=portable` does without, so that all compute the same
 * bits.
 */
export function hasRelaxedSimd(): boolean {
  if (kernelSetting().portable) return false;
  if (relaxedSimd === undefined) {
    const multiplyAdd = [...zero, ...zero, ...zero, 0xfd, 0x85, 0x02];
    if (!supports(multiplyAdd) && isBehindFlag()) {
      process.getBuiltinModule('node:v8').setFlagsFromString('--experimental-wasm-relaxed-simd');
    }
    relaxedSimd = supports(multiplyAdd);
  }
  return relaxedSimd;
}

/**
 * V8 11.3, the engine of Node 20, has relaxed SIMD behind a flag. It can be set while the program runs, until a module
 * that needs it is compiled. V8 11.4 and later have relaxed SIMD without a flag. An engine that does not know a flag
 * prints a warning to stderr, so the flag is only set for 11.3.
 */
function isBehindFlag(): boolean {
  return isNode && process.versions.v8?.startsWith('11.3.');
}
