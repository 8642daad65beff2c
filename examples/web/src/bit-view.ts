import { byId, create } from './dom.js';
import type { OneOutput, Tap } from './protocol.js';

const wordBits = 32;

/** One output of a binary layer: input bits, filter bits and where they differ, tap by tap, and what the sum becomes. */
export class BitView {
  readonly #count = byId('count', HTMLElement);
  readonly #line = byId('line', HTMLElement);
  readonly #key = byId('key', HTMLElement);
  readonly #taps = byId('taps', HTMLElement);

  show(output: OneOutput): void {
    const { taps, signs, popcount, count } = output;
    this.#count.textContent = `${signs} signs − 2 × ${popcount} that differ = ${signed(count)}`;
    this.#line.textContent = whatFollows(output);
    this.#key.hidden = false;
    const isWindow = taps.length > 1;
    this.#taps.classList.toggle('window', isWindow);
    const pieces = taps.map((tap) => blocks(tap, isWindow ? 8 : wordBits));
    this.#taps.replaceChildren(...(isWindow ? pieces.map((own) => create('div', {}, ...own)) : pieces.flat()));
  }

  /** Says why there is nothing to show. */
  explain(text: string): void {
    this.#count.textContent = '';
    this.#line.textContent = text;
    this.#key.hidden = true;
    this.#taps.replaceChildren();
  }
}

/** From the count to the sign that the layer hands on. */
function whatFollows({ count, line, hasSkip, pool, bit }: OneOutput): string {
  const sign =
    bit === null ? '' : ` The sign that is handed on: ${bit === 1 ? '−1, bit 1, black' : '+1, bit 0, white'}.`;
  if (!line) return `What follows the count in this network is not laid out here.${sign}`;
  const { plus, minus, shift } = line;
  const slope = count < 0 ? minus : plus;
  const value = `${signed(count)} × ${signed(slope, 4)} ${shift < 0 ? '−' : '+'} ${Math.abs(shift).toFixed(4)} = ${signed(slope * count + shift, 4)}`;
  const skip = hasSkip ? ' The skip adds what came in here.' : '';
  const pooled = pool ? ` Of 2 × 2 such sums the ${pool} goes on.` : '';
  return `Scale, PReLU and BatchNorm are a line over the counts, this one ${count < 0 ? 'below 0' : 'from 0 up'}: ${value}.${skip}${pooled}${sign}`;
}

/** A tap, in pieces of so many bits. */
function blocks(tap: Tap, length: number): HTMLElement[] {
  const { input, filter, firstChannel, place, row, column } = tap;
  return Array.from({ length: Math.ceil(input.length / length) }, (_, piece) => {
    const part = (bits: Uint8Array) => bits.subarray(piece * length, (piece + 1) * length);
    const [a, b] = [part(input), part(filter)];
    const first = firstChannel + piece * length;
    const where = `row ${row}, column ${column}`;
    const channels = `channels ${first} to ${first + a.length - 1}`;
    const outside = place === 'one' ? 'border: all +1' : 'border: not counted';
    // In a window, places tell the taps apart; in a row, channels do.
    const title = create('h4', {}, place === 'inside' ? (length === wordBits ? channels : where) : outside);
    title.title = `${where}, ${channels}`;
    const block = create('div', { className: 'tap', role: 'group', ariaLabel: `${where}, ${channels}` }, title);
    if (place === 'nothing') return block;
    const xor = a.map((bit, i) => bit ^ b[i]);
    const popcount = xor.reduce((sum, bit) => sum + bit, 0);
    block.append(
      bitRow('a', 'input', a),
      bitRow('b', 'filter', b),
      bitRow('≠', `xor, ${popcount} of them 1`, xor, String(popcount)),
    );
    return block;
  });
}

function bitRow(sign: string, name: string, bits: Uint8Array, result?: string): HTMLElement {
  const cells = Array.from(bits, (bit) => create('i', bit === 1 ? { className: 'one' } : {}, String(bit)));
  const row = create('div', { className: 'bits' }, create('b', { title: name }, sign), create('code', {}, ...cells));
  if (result !== undefined) {
    row.classList.add('differing');
    row.append(create('strong', { title: 'popcount' }, result));
  }
  return row;
}

/** With a real minus sign. */
function signed(value: number, digits = 0): string {
  return `${value < 0 ? '−' : ''}${Math.abs(value).toFixed(digits)}`;
}
