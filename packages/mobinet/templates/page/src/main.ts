import { formatPercent, showBars } from './bars.js';
import { Camera } from './camera.js';
import { byId, create } from './dom.js';
import { listenForFiles } from './files.js';
import { FrameRate } from './frame-rate.js';
import { Network } from './network.js';
import { findObstacle } from './obstacle.js';
import type { Answer, ModelInfo } from './protocol.js';

// The page: takes photos and frames of the camera, passes them to the network, and shows its predictions.

const stage = byId('stage', HTMLElement);
const photo = byId('photo', HTMLImageElement);
const camera = new Camera(byId('video', HTMLVideoElement));
const cameraButton = byId('camera-button', HTMLButtonElement);
const model = byId('model', HTMLElement);
const speed = byId('speed', HTMLElement);

const obstacle = findObstacle();
if (obstacle) model.textContent = obstacle;
else void attempt(() => start(new Network()));

async function start(network: Network): Promise<void> {
  /** The number of the latest picture. Answers about earlier ones are not shown. */
  let turn = 0;

  const classify = async (picture: Blob | ImageBitmap): Promise<Answer | null> => {
    const own = ++turn;
    const answer = await network.classify(picture);
    return own === turn ? answer : null;
  };

  const openPhoto = async (file: Blob, name: string): Promise<void> => {
    stopCamera();
    const answer = await classify(file);
    if (!answer) return;
    await showPhoto(file);
    showBars(byId('bars', HTMLElement), answer.predictions);
    speed.textContent = `Classified in ${formatTime(answer.milliseconds)}`;
    const [best] = answer.predictions;
    byId('announcement', HTMLElement).textContent = `${name}: ${best.name}, ${formatPercent(best.probability)}`;
  };

  const watch = async (): Promise<void> => {
    const rate = new FrameRate();
    for await (const frame of camera.frames()) {
      const answer = await classify(frame);
      if (!answer || !camera.isOn) continue;
      showBars(byId('bars', HTMLElement), answer.predictions);
      const perSecond = rate.count();
      if (perSecond !== null) speed.textContent = `${perSecond.toFixed(0)} frames per second`;
    }
  };

  const toggleCamera = async (): Promise<void> => {
    // The last picture stays, so that there is time to look at it.
    if (camera.isOn) return openPhoto(await camera.snapshot(), 'The last picture');
    cameraButton.disabled = true;
    await camera.start().finally(() => {
      cameraButton.disabled = false;
    });
    showCamera(true);
    // The loop runs in the background.
    watch().catch((error) => {
      stopCamera();
      showProblem(error);
    });
  };

  camera.onLost = () => {
    showCamera(false);
    showProblem('The camera has stopped. Is it still connected?');
  };
  cameraButton.addEventListener('click', () => attempt(toggleCamera));
  listenForFiles([byId('picker', HTMLInputElement)], (file) => attempt(() => openPhoto(file, file.name)), showProblem);

  try {
    showModel(await network.load());
  } catch (error) {
    model.textContent = 'The network cannot be loaded.';
    throw error;
  }
}

/** Shows an error in one line and leaves the page as it was. */
async function attempt(action: () => Promise<void>): Promise<void> {
  showProblem(null);
  await action().catch(showProblem);
}

/** Shows an error in one line; null clears it. */
function showProblem(error: unknown): void {
  const text = error === null ? '' : error instanceof Error ? error.message : String(error);
  byId('problem', HTMLElement).textContent = text.replace(/([^.?!])$/, '$1.');
}

function showModel({ classes, zoom }: ModelInfo): void {
  stage.style.setProperty('--zoom', String(zoom));
  model.textContent =
    'The network sees the center of a picture, as it is shown here, and assigns every picture to one of its classes.';
  const details = byId('classes', HTMLDetailsElement);
  details.querySelector('summary')!.textContent = `${classes.length} classes`;
  details.querySelector('ul')!.append(...classes.map((name) => create('li', {}, name)));
  details.open = classes.length <= 20;
  details.hidden = false;
}

async function showPhoto(file: Blob): Promise<void> {
  URL.revokeObjectURL(photo.src);
  photo.src = URL.createObjectURL(file);
  await photo.decode();
  // Small images are enlarged without smoothing, so that their pixels are visible.
  photo.classList.toggle('small', Math.max(photo.naturalWidth, photo.naturalHeight) < 200);
  photo.hidden = false;
  byId('invitation', HTMLElement).hidden = true;
}

function showCamera(isOn: boolean): void {
  camera.video.hidden = !isOn;
  cameraButton.textContent = isOn ? 'Stop the camera' : 'Use the camera';
}

function stopCamera(): void {
  camera.stop();
  showCamera(false);
}

/** Three digits or so, such as 12.3 ms and 123 ms. */
function formatTime(milliseconds: number): string {
  return `${milliseconds.toPrecision(3)} ms`;
}
