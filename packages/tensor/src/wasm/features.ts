import { isNode } from '../environment.js';
import { flatten, section, vector } from './encoding.js';

/**
 * Which instructions there are here beyond those of WebAssembly 2.0. Asked by validating a module of one such instruction:
 * a function without parameters that leaves a vector.
 */
function understands(instructions: readonly number[]): boolean {
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

/** Relaxed SIMD, which brings the fused multiply-add. Node 20 has it behind a flag. */
export function hasRelaxedSimd(): boolean {
  if (relaxedSimd === undefined) {
    const multiplyAdd = [...zero, ...zero, ...zero, 0xfd, 0x85, 0x02];
    if (!understands(multiplyAdd) && isBehindFlag()) {
      process.getBuiltinModule('node:v8').setFlagsFromString('--experimental-wasm-relaxed-simd');
    }
    relaxedSimd = understands(multiplyAdd);
  }
  return relaxedSimd;
}

/**
 * V8 11.3, that of Node 20, has relaxed SIMD behind a flag, which may be set while the program runs, as long as no module that
 * needs it was compiled. From 11.4 on there is no need for one, and a flag that an engine does not know is complained of on
 * stderr: so none is tried elsewhere.
 */
function isBehindFlag(): boolean {
  return isNode && process.versions.v8?.startsWith('11.3.');
}
