/**
 * A disassembler for the modules that `Kernel.assemble()` returns: turns the bytes of their function into instructions
 * of the WebAssembly text format (https://webassembly.github.io/spec/core/text). It is small enough to read, and to run
 * in a page. `npm run wat` prints any kernel of the library with WABT, which folds expressions as well.
 */

/** One instruction of a function. */
export interface Instruction {
  /** The name and what follows it, such as `local.get total`. */
  readonly text: string;
  /** The number of blocks around it. */
  readonly depth: number;
}

/** Disassembles the only function of a module. */
export function disassemble(module: Uint8Array): Instruction[] {
  const sections = new Map<number, Reader>();
  const bytes = new Reader(module.slice(8)); // "\0asm" and the version come first
  while (!bytes.isAtEnd) sections.set(bytes.byte(), bytes.part());
  const code = sections.get(10)!;
  code.unsigned(); // the number of functions
  const body = code.part();
  for (let groups = body.unsigned(); groups > 0; groups--) body.take(2); // the types of the locals
  return [...instructionsOf(body, namesOfLocals(sections.get(0)!))];
}

/** Reads the section `name`: a text, then parts, of which the one with the id 2 names the locals of functions. */
function namesOfLocals(section: Reader): ReadonlyMap<number, string> {
  const names = new Map<number, string>();
  section.part();
  while (!section.isAtEnd) {
    const [id, part] = [section.byte(), section.part()];
    if (id !== 2) continue;
    part.take(2); // one function, with the index 0
    for (let count = part.unsigned(); count > 0; count--) {
      names.set(part.unsigned(), new TextDecoder().decode(part.part().bytes));
    }
  }
  return names;
}

function* instructionsOf(code: Reader, locals: ReadonlyMap<number, string>): Generator<Instruction> {
  let depth = 0;
  while (!code.isAtEnd) {
    const name = nameOf(code);
    if (name === 'end' || name === 'else') depth--;
    // The last `end` closes the function itself.
    if (depth < 0) return;
    yield { text: `${name} ${immediateOf(name, code, locals)}`.trim(), depth };
    if (/^(block|loop|if|else)$/.test(name)) depth++;
  }
}

function nameOf(code: Reader): string {
  const opcode = code.byte();
  if (opcode === 0xfd) return named(simdNames, code.unsigned(), 'simd');
  if (opcode === 0xfe) return named(atomicNames, code.unsigned(), 'atomic');
  return named(names, opcode, 'opcode');
}

const named = (table: ReadonlyMap<number, string>, opcode: number, kind: string): string =>
  table.get(opcode) ?? `${kind}:${opcode}`;

/** What follows the opcode of an instruction. */
function immediateOf(name: string, code: Reader, locals: ReadonlyMap<number, string>): string {
  if (/^(block|loop|if)$/.test(name))
    code.take(1); // the type of a result: none
  else if (name.startsWith('br')) return `${code.unsigned()}`;
  else if (name.startsWith('local')) {
    const index = code.unsigned();
    return locals.get(index) ?? `${index}`;
  } else if (/^i(32|64)\.const$/.test(name)) return `${code.signed()}`;
  else if (name === 'f32.const') return `${new DataView(code.take(4).buffer).getFloat32(0, true)}`;
  else if (name === 'f64.const') return `${new DataView(code.take(8).buffer).getFloat64(0, true)}`;
  else if (/^(v128\.const|i8x16\.shuffle)$/.test(name)) return code.take(16).join(' ');
  else if (/load|store|atomic/.test(name)) {
    code.unsigned(); // the alignment, which is only a hint
    const offset = code.unsigned();
    const lane = name.endsWith('_lane') ? `${code.byte()}` : '';
    return `${offset > 0 ? `offset=${offset} ` : ''}${lane}`;
  } else if (name.includes('_lane')) return `${code.byte()}`;
  return '';
}

/** Reads bytes, and integers in LEB128: seven bits per byte, the lowest first; the eighth says that more follow. */
class Reader {
  #at = 0;

  constructor(readonly bytes: Uint8Array) {}

  get isAtEnd(): boolean {
    return this.#at >= this.bytes.length;
  }

  byte(): number {
    return this.bytes[this.#at++];
  }

  take(count: number): Uint8Array {
    this.#at += count;
    return this.bytes.slice(this.#at - count, this.#at);
  }

  /** A part that begins with its length, such as a section, a function or a text. */
  part(): Reader {
    return new Reader(this.take(this.unsigned()));
  }

  unsigned(): number {
    return Number(this.#bits().value);
  }

  /** The highest bit is the sign. */
  signed(): bigint {
    const { value, length } = this.#bits();
    return BigInt.asIntN(length, value);
  }

  #bits(): { value: bigint; length: number } {
    let value = 0n;
    for (let length = 0; ; length += 7) {
      const byte = this.byte();
      value |= BigInt(byte & 127) << BigInt(length);
      if (byte < 128) return { value, length: length + 7 };
    }
  }
}

/** Numbers instructions that have neighboring opcodes. `prefix` is a type such as `i32.`. */
const from = (opcode: number, prefix: string, list: string): [number, string][] =>
  list.split(' ').map((name, index) => [opcode + index, prefix + name]);

const integerComparisons = 'eqz eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u';
const integerArithmetic = 'clz ctz popcnt add sub mul div_s div_u rem_s rem_u and or xor shl shr_s shr_u rotl rotr';
const floatArithmetic = 'abs neg ceil floor trunc nearest sqrt add sub mul div min max copysign';

const names = new Map<number, string>([
  ...from(0x00, '', 'unreachable nop block loop if else'),
  ...from(0x0b, '', 'end br br_if'),
  ...from(0x1a, '', 'drop select'),
  ...from(0x20, 'local.', 'get set tee'),
  ...from(0x28, '', 'i32.load i64.load f32.load f64.load'),
  ...from(0x2c, 'i32.', 'load8_s load8_u load16_s load16_u'),
  ...from(0x30, 'i64.', 'load8_s load8_u load16_s load16_u load32_s load32_u'),
  ...from(0x36, '', 'i32.store i64.store f32.store f64.store i32.store8 i32.store16'),
  ...from(0x41, '', 'i32.const i64.const f32.const f64.const'),
  ...from(0x45, 'i32.', integerComparisons),
  ...from(0x50, 'i64.', integerComparisons),
  ...from(0x5b, 'f32.', 'eq ne lt gt le ge'),
  ...from(0x61, 'f64.', 'eq ne lt gt le ge'),
  ...from(0x67, 'i32.', integerArithmetic),
  ...from(0x79, 'i64.', integerArithmetic),
  ...from(0x8b, 'f32.', floatArithmetic),
  ...from(0x99, 'f64.', floatArithmetic),
  ...from(0xa7, 'i32.', 'wrap_i64'),
  ...from(0xac, 'i64.', 'extend_i32_s extend_i32_u'),
  ...from(0xb2, 'f32.', 'convert_i32_s convert_i32_u'),
  ...from(0xb6, 'f32.', 'demote_f64'),
  ...from(0xbb, 'f64.', 'promote_f32'),
]);

const atomicNames = new Map(from(0x1e, 'i32.', 'atomic.rmw.add'));

/** Vector instructions, without most of those on lanes of 8, 16 and 64 bits. */
const simdNames = new Map<number, string>([
  ...from(0, 'v128.', 'load load8x8_s load8x8_u load16x4_s load16x4_u load32x2_s load32x2_u'),
  ...from(7, 'v128.', 'load8_splat load16_splat load32_splat load64_splat store const'),
  ...from(13, 'i8x16.', 'shuffle swizzle splat'),
  ...from(16, '', 'i16x8.splat i32x4.splat i64x2.splat f32x4.splat f64x2.splat'),
  ...from(27, '', 'i32x4.extract_lane i32x4.replace_lane'),
  ...from(31, '', 'f32x4.extract_lane f32x4.replace_lane f64x2.extract_lane'),
  ...from(55, 'i32x4.', 'eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u'),
  ...from(65, 'f32x4.', 'eq ne lt gt le ge'),
  ...from(77, 'v128.', 'not and andnot or xor bitselect any_true'),
  ...from(84, 'v128.', 'load8_lane load16_lane load32_lane load64_lane'),
  ...from(88, 'v128.', 'store8_lane store16_lane store32_lane store64_lane load32_zero load64_zero'),
  ...from(94, '', 'f32x4.demote_f64x2_zero f64x2.promote_low_f32x4 i8x16.abs i8x16.neg i8x16.popcnt'),
  ...from(99, 'i8x16.', 'all_true bitmask narrow_i16x8_s narrow_i16x8_u'),
  ...from(131, 'i16x8.', 'all_true bitmask narrow_i32x4_s narrow_i32x4_u'),
  ...from(160, 'i32x4.', 'abs neg'),
  ...from(163, 'i32x4.', 'all_true bitmask'),
  ...from(171, 'i32x4.', 'shl shr_s shr_u add'),
  ...from(177, 'i32x4.', 'sub'),
  ...from(181, 'i32x4.', 'mul'),
  ...from(224, 'f32x4.', 'abs neg'),
  ...from(227, 'f32x4.', 'sqrt add sub mul div min max pmin pmax'),
  ...from(239, 'f64x2.', 'sqrt add sub mul div min max pmin pmax'),
  ...from(248, 'i32x4.', 'trunc_sat_f32x4_s trunc_sat_f32x4_u'),
  ...from(250, 'f32x4.', 'convert_i32x4_s convert_i32x4_u'),
  ...from(252, 'i32x4.', 'trunc_sat_f64x2_s_zero trunc_sat_f64x2_u_zero'),
  ...from(254, 'f64x2.', 'convert_low_i32x4_s convert_low_i32x4_u'),
  ...from(0x105, 'f32x4.', 'relaxed_madd relaxed_nmadd'),
]);
