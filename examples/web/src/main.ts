import { formatPercent, showBars } from './bars.js';
import { Camera } from './camera.js';
import { Client } from './client.js';
import { DeviceSwitch } from './device-switch.js';
import { byId, create, formatBytes, formatNumber, formatTime } from './dom.js';
import { lookAround } from './environment.js';
import { listenForFiles, readPicture } from './input.js';
import { Inside } from './inside.js';
import type { ModelFacts, Picture } from './protocol.js';

// The page: an image comes in, the worker answers, and what it says is shown.

/** In public/: the model, and an image of each kind, so that there is something to click. */
const shippedModel = 'model.mobinet.safetensors';
const samples = 'ankle-boot bag coat dress pullover sandal shirt sneaker t-shirt trouser'.split(' ');

/** A still image is classified this often, to take the time. */
const runsOfStills = 20;

const said = byId('said', HTMLElement);
const shown = byId('shown', HTMLImageElement);
const camera = new Camera(byId('camera', HTMLVideoElement));
const cameraButton = byId('camera-button', HTMLButtonElement);
const shutter = byId('shutter', HTMLButtonElement);

const environment = lookAround(new URLSearchParams(location.search).get('kernels'));
showNotes(environment.notes);
if (environment.obstacle) showModelLine(environment.obstacle);
else void start(new Client(environment.kernels));

async function start(client: Client): Promise<void> {
  // Plain loops run on one thread.
  const threads = environment.kernels === 'reference' ? 1 : null;
  const inside = new Inside(client, showProblem);
  const device = new DeviceSwitch(environment.hasWebGpu);
  /** Counts up with each image, so that an answer that was overtaken is not shown. */
  let turn = 0;

  const classify = async (picture: Picture, name: string, runs: number): Promise<void> => {
    const own = ++turn;
    const answer = await client.call('classify', { picture, runs });
    if (own !== turn) return;
    const [best] = answer.predictions;
    showBars(byId('bars', HTMLElement), answer.predictions);
    byId('latency', HTMLElement).textContent = formatTime(answer.milliseconds);
    const average = `, the ${crossOriginIsolated ? 'median' : 'mean'} of ${answer.runs} runs`;
    byId('latency-hint', HTMLElement).textContent = [
      `From the pixels to the answer${answer.runs > 1 ? average : ''}.`,
      answer.layerMilliseconds === null
        ? 'A GPU is told of all layers before it begins, so there are no times of layers.'
        : answer.runs > 1 && 'So are the times of the layers.',
    ]
      .filter(Boolean)
      .join(' ');
    if (runs > 1) said.textContent = `${name}: ${best.name}, ${formatPercent(best.probability)}`;
    showSeen(answer.seen);
    await inside.update(answer);
  };

  /** The model that answers, for when it is to run elsewhere. */
  let model: { bytes: Uint8Array; name: string } | null = null;

  const openModel = async (bytes: Uint8Array, name: string): Promise<void> => {
    const facts = await client.call('load', { bytes, name, device: device.chosen, threads });
    model = { bytes, name };
    // What the model before had to say is of no use now.
    turn++;
    showModelLine(`${facts.name}: ${facts.layers.length} layers, on ${placeOf(facts)}`);
    byId('file-size', HTMLElement).textContent = formatBytes(facts.bytes);
    byId('weights', HTMLElement).textContent = formatNumber(facts.binaryWeights);
    byId('threads', HTMLElement).textContent = facts.gpu === null ? String(facts.threads) : '–';
    byId('knows', HTMLElement).textContent = whatItKnows(facts.classes);
    inside.setLayers(facts.layers);
  };

  /** The image that is shown, for a model that comes later. */
  let last: { picture: Picture; name: string } | null = null;

  const openImage = async (file: Blob, name: string): Promise<void> => {
    const picture = await readPicture(file, name);
    stopCamera();
    show(file, picture);
    last = { picture, name };
    await classify(picture, name, runsOfStills);
  };

  /** What goes wrong is said in one line, and the page stays as it was. */
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
      showModelLine(chosen === 'webgpu' ? 'Compiling for the GPU…' : 'Back to the processor…');
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
      // It goes on beside whatever else is done.
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
  if (!response.ok) throw new Error(`${path}: the server answers ${response.status} ${response.statusText}`);
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

function placeOf({ gpu, threads }: ModelFacts): string {
  return gpu ?? (threads === 1 ? 'one thread' : `${threads} threads`);
}

function showModelLine(text: string): void {
  byId('model-line', HTMLElement).textContent = text;
}

function whatItKnows(classes: readonly string[]): string {
  const some = classes.length > 20 ? [...classes.slice(0, 20), '…'] : classes;
  return (
    `It knows ${classes.length} things: ${some.join(', ')}. Whatever it is shown, it takes for one of them. ` +
    'The one that comes with this page has only seen small gray images of clothes on black, ' +
    'so its answers to photographs of other things mean nothing.'
  );
}

/** One line, or none. */
function showProblem(error: unknown): void {
  byId('problem', HTMLElement).textContent =
    error === null ? '' : error instanceof Error ? error.message : String(error);
}

function show(file: Blob, { width, height }: Picture): void {
  URL.revokeObjectURL(shown.src);
  shown.src = URL.createObjectURL(file);
  // The pixels of a small image are meant to be seen.
  shown.classList.toggle('small', Math.max(width, height) < 200);
  shown.hidden = false;
}

function showSeen({ width, height, data }: Picture): void {
  const canvas = byId('seen', HTMLCanvasElement);
  canvas.width = width;
  canvas.height = height;
  canvas.getContext('2d')!.putImageData(new ImageData(new Uint8ClampedArray(data), width, height), 0, 0);
  byId('seen-caption', HTMLElement).textContent = `what the network gets, ${width}×${height}`;
}

function showCamera(isOn: boolean): void {
  camera.video.hidden = !isOn;
  shown.hidden = isOn;
  shutter.hidden = !isOn;
  cameraButton.textContent = isOn ? 'Stop the camera' : 'Use the camera';
  // Nobody wants to be told thirty times a second.
  for (const region of document.querySelectorAll('[role=status]')) region.ariaLive = isOn ? 'off' : 'polite';
}

function stopCamera(): void {
  camera.stop();
  showCamera(false);
}

async function pngOf({ width, height, data }: Picture): Promise<Blob> {
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext('2d')!.putImageData(new ImageData(new Uint8ClampedArray(data), width, height), 0, 0);
  return canvas.convertToBlob();
}
