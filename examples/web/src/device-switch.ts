import type { BackendName } from '@mobinet/tensor';
import { byId } from '../../../packages/mobinet/templates/page/src/dom.js';

/** Two radio buttons that choose where the network runs. */
export class DeviceSwitch {
  readonly #fieldset = byId('device', HTMLFieldSetElement);
  onChange: (chosen: BackendName) => void = () => {};

  constructor(hasWebGpu: boolean) {
    if (!hasWebGpu) {
      this.#button('webgpu').disabled = true;
      byId('device-hint', HTMLElement).textContent = 'This browser has no WebGPU.';
    }
    this.#fieldset.addEventListener('change', () => this.onChange(this.chosen));
  }

  get chosen(): BackendName {
    return this.#button('webgpu').checked ? 'webgpu' : 'cpu';
  }

  /** Switches back to the CPU, if there is no GPU or it failed. */
  refuse(): void {
    this.#button('cpu').checked = true;
  }

  #button(name: BackendName): HTMLInputElement {
    return this.#fieldset.querySelector<HTMLInputElement>(`[value=${name}]`)!;
  }
}
