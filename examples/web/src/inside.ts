import { bar, byId, create } from '../../../packages/mobinet/templates/page/src/dom.js';
import { BitView } from './bit-view.js';
import type { Client } from './client.js';
import { formatTime } from './format.js';
import type { Classification, LayerInfo, Place } from './protocol.js';
import { SignMaps } from './sign-maps.js';

/** Shows the layers of the network with their times, the signs of a chosen layer, and the bits of a chosen output. */
export class Inside {
  readonly #rows = byId('layers', HTMLElement);
  readonly #text = byId('maps-text', HTMLElement);
  readonly #fields = { row: byId('row', HTMLInputElement), column: byId('column', HTMLInputElement) } as const;
  readonly #channelField = byId('channel', HTMLInputElement);
  readonly #maps: SignMaps;
  readonly #bits = new BitView();
  readonly #client: Client;
  readonly #onProblem: (error: unknown) => void;

  #layers: readonly LayerInfo[] = [];
  #place: Place = { layer: 0, row: 0, column: 0, channel: 0 };
  /** The number of the latest request. Results of earlier ones are not shown. */
  #turn = 0;

  constructor(client: Client, onProblem: (error: unknown) => void) {
    this.#client = client;
    this.#onProblem = onProblem;
    this.#maps = new SignMaps(
      (channel) => this.#go({ channel }),
      (row, column) => {
        // A pooled pixel covers several; this selects the first of them.
        const step = this.#layer.binary?.step ?? 1;
        this.#go({ row: step * row, column: step * column });
      },
    );
    byId('place', HTMLFormElement).addEventListener('submit', (event) => event.preventDefault());
    for (const [name, field] of Object.entries({ ...this.#fields, channel: this.#channelField })) {
      // The field may be empty while a number is typed.
      field.addEventListener(
        'input',
        () => field.value !== '' && this.#go({ [name]: Math.trunc(Number(field.value)) }),
      );
    }
  }

  /** Lists the layers of a new model, and selects the first binary one. */
  setLayers(layers: readonly LayerInfo[]): void {
    this.#layers = layers;
    this.#rows.replaceChildren(...layers.map((layer, index) => this.#rowOf(layer, index)));
    const first = layers.findIndex(({ binary }) => binary);
    this.#choose(Math.max(0, first));
  }

  /** Shows the times and the signs for a new image. */
  async update({ layerMilliseconds }: Pick<Classification, 'layerMilliseconds'>): Promise<void> {
    const longest = Math.max(...(layerMilliseconds ?? []));
    layerMilliseconds?.forEach((milliseconds, index) => {
      const cell = this.#rows.children[index].lastElementChild!;
      cell.replaceChildren(formatTime(milliseconds), bar(milliseconds / longest));
    });
    await this.#refresh();
  }

  get #layer(): LayerInfo {
    return this.#layers[this.#place.layer];
  }

  #rowOf({ name, size, channels, hasSigns, binary }: LayerInfo, index: number): HTMLElement {
    const choose = create('button', { type: 'button', onclick: () => this.#go({ layer: index }) }, name);
    return create(
      'tr',
      {},
      create('td', {}, hasSigns || binary ? choose : name),
      create('td', {}, size > 1 || hasSigns ? `${size}×${size}×${channels}` : `${channels} numbers`),
      create('td', { className: 'time' }, '–'),
    );
  }

  /** Selects a layer, and the center of its first channel. */
  #choose(layer: number): void {
    const { size, binary } = this.#layers[layer];
    const middle = (binary?.size ?? size) >> 1;
    this.#place = { layer, row: middle, column: middle, channel: 0 };
    [...this.#rows.children].forEach((row, index) => {
      row.classList.toggle('chosen', index === layer);
      const button = row.querySelector('button');
      if (button) button.ariaPressed = String(index === layer);
    });
  }

  #go(change: Partial<Place>): void {
    if (change.layer !== undefined) this.#choose(change.layer);
    else this.#place = { ...this.#place, ...change };
    this.#refresh().catch(this.#onProblem);
  }

  async #refresh(): Promise<void> {
    const turn = ++this.#turn;
    const { name, size, channels, binary, hasSigns } = this.#layer;
    const last = (binary?.size ?? size) - 1;
    const lastChannel = (binary?.outChannels ?? channels) - 1;
    const { layer } = this.#place;
    this.#place = {
      layer,
      row: within(this.#place.row, last),
      column: within(this.#place.column, last),
      channel: within(this.#place.channel, lastChannel),
    };
    const place = this.#place;
    const [signs, oneOutput] = await Promise.all([
      hasSigns ? this.#client.call('signs', { layer }) : null,
      binary && this.#client.call('bits', place),
    ]);
    if (turn !== this.#turn) return;

    const output = hasSigns ? `${channels} maps of ${size}×${size} signs: white is +1, black −1` : 'floats';
    this.#text.textContent = `${name}: ${describe(this.#layer)} Its output is ${output}.`;
    const step = binary?.step ?? 1;
    const [row, column] = [place.row, place.column].map((at) => within(Math.floor(at / step), size - 1));
    if (signs) this.#maps.show(signs, within(place.channel, channels - 1), row, column);
    else this.#maps.clear();
    for (const [field, value, most] of [
      [this.#fields.row, place.row, last],
      [this.#fields.column, place.column, last],
      [this.#channelField, place.channel, lastChannel],
    ] as const) {
      field.max = String(most);
      if (Number(field.value) !== value || field.value === '') field.value = String(value);
    }
    if (oneOutput) this.#bits.show(oneOutput);
    else
      this.#bits.explain(`The layer ${name} computes on floats, so there are no bits to show. Choose another layer.`);
  }
}

const within = (value: number, most: number): number => Math.max(0, Math.min(most, value));

function describe({ binary }: LayerInfo): string {
  if (!binary) return 'a layer that computes on floats.';
  const { kernel, groups, inChannels, pool, step } = binary;
  const sees =
    groups > 1 ? `, each over ${inChannels / groups} of ${inChannels} channels` : ` over ${inChannels} channels`;
  return `${kernel}×${kernel} filters of signs${sees}${pool ? `; then the ${pool} of each ${step}×${step}` : ''}.`;
}
