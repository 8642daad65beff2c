import { forRange, type I32, i32, store } from '../wasm/assembler.js';

/**
 * Statements that read memory in sequence, which fetches it into the cache faster than what comes next would, since
 * that reads several places in turn. What was read is stored at `sink`, so that compilers keep it.
 */
export function readAhead(address: I32, bytes: I32, sink: I32): void {
  const read = i32.variable(0, 'read');
  const end = i32.variable(address.add(bytes), 'end');
  forRange(address, end, cacheLineBytes, (at) => read.set(read.xor(i32.load(at))));
  store(sink, read);
}

const cacheLineBytes = 64;
