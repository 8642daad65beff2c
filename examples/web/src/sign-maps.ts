import { byId, create } from '../../../packages/mobinet/templates/page/src/dom.js';
import { bitAt } from './bits.js';
import type { Signs } from './protocol.js';

/** The pixel of each bit: 0 (+1) is white, 1 (−1) is black. */
const colors = [0xffffffff, 0xff1a1616];

/**
 * Shows the output signs of a layer as black-and-white tiles, one per channel, and the chosen channel enlarged. The
 * tiles are radio buttons, so the arrow keys move between them.
 */
export class SignMaps {
  readonly #tiles = byId('tiles', HTMLFieldSetElement);
  readonly #map = byId('map', HTMLCanvasElement);
  readonly #mark = byId('mark', HTMLElement);
  readonly #caption = byId('map-caption', HTMLElement);
  #canvases: HTMLCanvasElement[] = [];
  #radios: HTMLInputElement[] = [];
  #signs: Signs | null = null;

  /** Calls back when a channel or a pixel of the enlarged channel is chosen. */
  constructor(onChannel: (channel: number) => void, onPixel: (row: number, column: number) => void) {
    this.#tiles.addEventListener('change', ({ target }) => onChannel(Number((target as HTMLInputElement).value)));
    this.#map.addEventListener('click', ({ offsetX, offsetY }) => {
      const size = this.#map.width;
      const pixel = (offset: number) =>
        Math.max(0, Math.min(size - 1, Math.floor((offset * size) / this.#map.clientWidth)));
      onPixel(pixel(offsetY), pixel(offsetX));
    });
  }

  /** Shows the tiles of a layer and the chosen channel, with a mark around one of its pixels. */
  show(signs: Signs, channel: number, row: number, column: number): void {
    const { size, channels } = signs;
    if (this.#signs?.size !== size || this.#signs.channels !== channels) this.#layTiles(size, channels);
    this.#signs = signs;
    this.#canvases.forEach((canvas, c) => {
      draw(canvas, signs, c);
    });
    this.#radios[channel].checked = true;

    draw(this.#map, signs, channel);
    const ones = countOnes(signs, channel);
    this.#caption.textContent = `Channel ${channel}: ${ones} of ${size * size} signs are −1`;
    const legend = `${ones} signs are −1 (black), the others +1 (white)`;
    this.#map.ariaLabel = `Sign map of channel ${channel}, ${size} × ${size}: ${legend}`;
    const percent = (pixels: number) => `${(100 * pixels) / size}%`;
    const [top, left, width, height] = [row, column, 1, 1].map(percent);
    Object.assign(this.#mark.style, { top, left, width, height });
  }

  /** Shows no tiles, for a layer that outputs floats. */
  clear(): void {
    this.#signs = null;
    this.#layTiles(1, 0);
    this.#caption.textContent = '';
    this.#map.ariaLabel = 'No sign map';
  }

  #layTiles(size: number, channels: number): void {
    // No tile is too small for a fingertip.
    this.#tiles.style.setProperty('--tile', size > 4 ? '48px' : '26px');
    this.#canvases = Array.from({ length: channels }, () => create('canvas', { width: size, height: size }));
    this.#radios = this.#canvases.map((_, c) =>
      create('input', { type: 'radio', name: 'tile', value: String(c), ariaLabel: `channel ${c}` }),
    );
    const tiles = this.#canvases.map((canvas, c) =>
      create('label', { className: 'tile', title: `channel ${c}` }, this.#radios[c], canvas),
    );
    this.#tiles.replaceChildren(create('legend', {}, 'Channels'), ...tiles);
    this.#map.width = size;
    this.#map.height = size;
  }
}

function* channelBits({ size, channels, words }: Signs, channel: number): Generator<number> {
  const rowWords = words.length / (size * size);
  if (channel >= channels) throw new RangeError(`channel ${channel} is out of range: there are ${channels} channels`);
  for (let pixel = 0; pixel < size * size; pixel++) yield bitAt(words, pixel * rowWords, channel);
}

function countOnes(signs: Signs, channel: number): number {
  let ones = 0;
  for (const bit of channelBits(signs, channel)) ones += bit;
  return ones;
}

function draw(canvas: HTMLCanvasElement, signs: Signs, channel: number): void {
  const image = new ImageData(signs.size, signs.size);
  const pixels = new Uint32Array(image.data.buffer);
  let at = 0;
  for (const bit of channelBits(signs, channel)) pixels[at++] = colors[bit];
  canvas.getContext('2d')!.putImageData(image, 0, 0);
}
