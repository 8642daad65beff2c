import { type Rgba, readPixels } from 'mobinet';
import { formatPercent, showBars } from './bars.js';
import { Camera } from './camera.js';
import { Client } from './client.js';
import { DeviceSwitch } from './device-switch.js';
import { byId, create, formatBytes, formatNumber, formatTime } from './dom.js';
import { detectEnvironment } from './environment.js';
import { listenForFiles } from './input.js';
import { Inside } from './inside.js';
import type { ModelInfo } from './protocol.js';

// The page: takes images, passes them to the worker, and shows the results.

/** The files in public/: the model, and one sample image per class. */
const shippedModel = 'model.mobinet.safetensors';
const samples = 'ankle-boot bag coat dress pullover sandal shirt sneaker t-shirt trouser'.split(' ');

/** A still image is classified this many times, to measure the latency. */
const runsOfStills = 20;

const announcement = byId('announcement', HTMLElement);
const shown = byId('shown', HTMLImageElement);
const camera = new Camera(byId('camera', HTMLVideoElement));
const cameraButton = byId('camera-button', HTMLButtonElement);
const shutter = byId('shutter', HTMLButtonElement);

const environment = detectEnvironment(new URLSearchParams(location.search).get('kernels'));
showNotes(environment.notes);
if (environment.obstacle) showModelLine(environment.obstacle);
else void start(new Client(environment.kernels));

async function start(client: Client): Promise<void> {
  // Plain loops run on one thread.
  const threads = environment.kernels === 'reference' ? 1 : null;
  const inside = new Inside(client, showProblem);
  const device = new DeviceSwitch(environment.hasWebGpu);
  /** The number of the latest image. Results of earlier ones are not shown. */
  let turn = 0;

  const classify = async (picture: Rgba, name: string, runs: number): Promise<void> => {
    const own = ++turn;
    const classification = await client.call('classify', { picture, runs });
    if (own !== turn) return;
    const [best] = classification.predictions;
    showBars(byId('bars', HTMLElement), classification.predictions);
    byId('latency', HTMLElement).textContent = formatTime(classification.milliseconds);
    const average = `, the ${crossOriginIsolated ? 'median' : 'mean'} of ${classification.runs} runs`;
    byId('latency-hint', HTMLElement).textContent = [
      `From pixels to prediction${classification.runs > 1 ? average : ''}.`,
      classification.layerMilliseconds === null
        ? 'All layers are queued on the GPU before the first one starts, so there are no layer times.'
        : classification.runs > 1 && 'The layer times are averaged in the same way.',
    ]
      .filter(Boolean)
      .join(' ');
    if (runs > 1) announcement.textContent = `${name}: ${best.name}, ${formatPercent(best.probability)}`;
    showSeen(classification.seen);
    await inside.update(classification);
  };

  /** The current model, kept to reload it on another device. */
  let model: { bytes: Uint8Array; name: string } | null = null;

  const openModel = async (bytes: Uint8Array, name: string): Promise<void> => {
    const info = await client.call('load', { bytes, name, device: device.chosen, threads });
    model = { bytes, name };
    // Pending results of the previous model are discarded.
    turn++;
    showModelLine(`${info.name}: ${info.layers.length} layers, on ${deviceOf(info)}`);
    byId('file-size', HTMLElement).textContent = formatBytes(info.bytes);
    byId('weights', HTMLElement).textContent = formatNumber(info.binaryWeights);
    byId('threads', HTMLElement).textContent = info.gpu === null ? String(info.threads) : '–';
    byId('knows', HTMLElement).textContent = describeClasses(info.classes);
    inside.setLayers(info.layers);
  };

  /** The current image, kept to classify it again with another model. */
  let last: { picture: Rgba; name: string } | null = null;

  const openImage = async (file: Blob, name: string): Promise<void> => {
    const picture = await readPixels(file, name);
    stopCamera();
    show(file, picture);
    last = { picture, name };
    await classify(picture, name, runsOfStills);
  };

  /** Shows an error in one line and leaves the page as it was. */
  const attempt = async (action: () => Promise<void>): Promise<void> => {
    showProblem(null);
    await action().catch(showProblem);
  };

  const openFile = (file: File): Promise<void> =>
    attempt(async () => {
      if (!file.name.endsWith('.safetensors')) return openImage(file, file.name);
      await openModel(new Uint8Array(await file.arrayBuffer()), file.name);
      if (last) await classify(last.picture, last.name, runsOfStills);
    });

  device.onChange = (chosen) =>
    attempt(async () => {
      if (!model) return;
      showModelLine(chosen === 'webgpu' ? 'Compiling for the GPU…' : 'Switching to the CPU…');
      try {
        await openModel(model.bytes, model.name);
      } catch (error) {
        device.refuse();
        await openModel(model.bytes, model.name);
        throw error;
      } finally {
        if (last) await classify(last.picture, last.name, runsOfStills);
      }
    });

  const openSample = (name: string): Promise<void> =>
    attempt(async () => openImage(await (await get(`samples/${name}.png`)).blob(), `${name}.png`));

  const live = async (): Promise<void> => {
    while (camera.isOn) {
      await classify(camera.picture(), 'the camera', 1);
      await new Promise(requestAnimationFrame);
    }
  };

  listenForFiles([byId('picker', HTMLInputElement), byId('model-picker', HTMLInputElement)], openFile, showProblem);
  byId('samples', HTMLElement).append(...samples.map((name) => sampleButton(name, () => openSample(name))));
  cameraButton.addEventListener('click', () => {
    if (camera.isOn) return stopCamera();
    void attempt(async () => {
      await camera.start();
      showCamera(true);
      // The loop runs in the background.
      live().catch(showProblem);
    });
  });
  shutter.addEventListener('click', () => attempt(async () => openImage(await pngOf(camera.picture()), 'the picture')));

  try {
    await openModel(new Uint8Array(await (await get(shippedModel)).arrayBuffer()), shippedModel);
    await openSample(samples[0]);
  } catch (error) {
    showModelLine('No model is loaded. Load one from a file.');
    showProblem(error);
  }
}

async function get(path: string): Promise<Response> {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path}: the server replied ${response.status} ${response.statusText}`);
  return response;
}

function sampleButton(name: string, onclick: () => void): HTMLElement {
  const image = create('img', { src: `samples/${name}.png`, alt: `Sample: ${name}`, width: 28, height: 28 });
  return create('li', {}, create('button', { type: 'button', title: name, onclick }, image));
}

function showNotes(notes: readonly string[]): void {
  const list = byId('notes', HTMLElement);
  list.replaceChildren(...notes.map((note) => create('li', {}, note)));
  list.hidden = notes.length === 0;
}

function deviceOf({ gpu, threads }: ModelInfo): string {
  return gpu ?? (threads === 1 ? 'one thread' : `${threads} threads`);
}

function showModelLine(text: string): void {
  byId('model-line', HTMLElement).textContent = text;
}

function describeClasses(classes: readonly string[]): string {
  const some = classes.length > 20 ? [...classes.slice(0, 20), '…'] : classes;
  return (
    `The model knows ${classes.length} classes: ${some.join(', ')}. It assigns every image to one of them. ` +
    'The model of this page was trained on small gray images of clothes on a black background, ' +
    'so its predictions for other photographs mean nothing.'
  );
}

/** Shows an error in one line; null clears it. */
function showProblem(error: unknown): void {
  byId('problem', HTMLElement).textContent =
    error === null ? '' : error instanceof Error ? error.message : String(error);
}

function show(file: Blob, { width, height }: Rgba): void {
  URL.revokeObjectURL(shown.src);
  shown.src = URL.createObjectURL(file);
  // Small images are enlarged without smoothing, so that their pixels are visible.
  shown.classList.toggle('small', Math.max(width, height) < 200);
  shown.hidden = false;
}

function showSeen({ width, height, data }: Rgba): void {
  const canvas = byId('seen', HTMLCanvasElement);
  canvas.width = width;
  canvas.height = height;
  canvas.getContext('2d')!.putImageData(new ImageData(new Uint8ClampedArray(data), width, height), 0, 0);
  byId('seen-caption', HTMLElement).textContent = `the network's input, ${width}×${height}`;
}

function showCamera(isOn: boolean): void {
  camera.video.hidden = !isOn;
  shown.hidden = isOn;
  shutter.hidden = !isOn;
  cameraButton.textContent = isOn ? 'Stop the camera' : 'Use the camera';
  // Screen readers should not announce thirty results per second.
  for (const region of document.querySelectorAll('[role=status]')) region.ariaLive = isOn ? 'off' : 'polite';
}

function stopCamera(): void {
  camera.stop();
  showCamera(false);
}

async function pngOf({ width, height, data }: Rgba): Promise<Blob> {
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext('2d')!.putImageData(new ImageData(new Uint8ClampedArray(data), width, height), 0, 0);
  return canvas.convertToBlob();
}
