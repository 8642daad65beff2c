import { byId, create } from '../../../packages/mobinet/templates/page/src/dom.js';
import type { OneOutput, Tap } from './protocol.js';

const wordBits = 32;

/**
 * Shows one output of a binary layer: input bits, filter bits and their xor for each tap, and the steps after the sum.
 */
export class BitView {
  readonly #count = byId('count', HTMLElement);
  readonly #explanation = byId('explanation', HTMLElement);
  readonly #key = byId('key', HTMLElement);
  readonly #taps = byId('taps', HTMLElement);

  show(output: OneOutput): void {
    const { taps, signs, popcount, count } = output;
    this.#count.textContent = `${signs} signs − 2 × ${popcount} that differ = ${signed(count)}`;
    this.#explanation.textContent = whatFollows(output);
    this.#key.hidden = false;
    const isWindow = taps.length > 1;
    this.#taps.classList.toggle('window', isWindow);
    const pieces = taps.map((tap) => blocks(tap, isWindow ? 8 : wordBits));
    this.#taps.replaceChildren(...(isWindow ? pieces.map((own) => create('div', {}, ...own)) : pieces.flat()));
  }

  /** Shows a text instead of bits. */
  explain(text: string): void {
    this.#count.textContent = '';
    this.#explanation.textContent = text;
    this.#key.hidden = true;
    this.#taps.replaceChildren();
  }
}

/** Explains how the count becomes the sign that the layer outputs. */
function whatFollows({ count, folded, hasSkip, pool, bit }: OneOutput): string {
  const sign = bit === null ? '' : ` The output sign is ${bit === 1 ? '−1: bit 1, black' : '+1: bit 0, white'}.`;
  if (!folded) return `The steps after the count are not shown for this network.${sign}`;
  const { positive, negative, shift } = folded;
  const slope = count < 0 ? negative : positive;
  const product = `${signed(count)} × ${signed(slope, 4)}`;
  const sum = `${product} ${shift < 0 ? '−' : '+'} ${Math.abs(shift).toFixed(4)}`;
  const value = `${sum} = ${signed(slope * count + shift, 4)}`;
  const skip = hasSkip ? ' The skip connection adds the input.' : '';
  const pooled = pool ? ` Then the layer takes the ${pool} of 2 × 2 such values.` : '';
  const counts = count < 0 ? 'negative counts' : 'counts of 0 and more';
  return `Scale, PReLU and BatchNorm together are linear for ${counts}: ${value}.${skip}${pooled}${sign}`;
}

/** The rows of a tap, split into pieces of `length` bits. */
function blocks(tap: Tap, length: number): HTMLElement[] {
  const { input, filter, firstChannel, place, row, column } = tap;
  return Array.from({ length: Math.ceil(input.length / length) }, (_, piece) => {
    const part = (bits: Uint8Array) => bits.subarray(piece * length, (piece + 1) * length);
    const [a, b] = [part(input), part(filter)];
    const first = firstChannel + piece * length;
    const where = `row ${row}, column ${column}`;
    const channels = `channels ${first} to ${first + a.length - 1}`;
    const outside = place === 'one' ? 'padding: all +1' : 'padding: not counted';
    // Taps of a window are titled by position, pieces of a long row by channels.
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

/** A number with a typographic minus sign. */
function signed(value: number, digits = 0): string {
  return `${value < 0 ? '−' : ''}${Math.abs(value).toFixed(digits)}`;
}
