import { imageFromBitmap, imageFromBlob, loadPacked, type PackedModel } from 'mobinet';
import type { Answer, ModelInfo, Question, Reply } from './protocol.js';

// The network runs in this worker, so that the page stays responsive.

const loading = load();

/** Questions are answered one after the other. */
let last: Promise<void> = Promise.resolve();

addEventListener('message', ({ data }: MessageEvent<Question>) => {
  last = last.then(() => reply(data)).then(postMessage);
});

async function reply({ id, picture }: Question): Promise<Reply> {
  try {
    const model = await loading;
    return { id, result: picture === null ? describe(model) : await classify(model, picture) };
  } catch (error) {
    return { id, error: error instanceof Error ? error.message : String(error) };
  }
}

async function load(): Promise<PackedModel> {
  const model = await loadPacked(new URL('../model.mobinet.safetensors', import.meta.url));
  // The first run compiles the kernels, so that the first picture need not wait for that.
  await model.predict([{ width: 1, height: 1, pixels: new Uint8Array(3) }]);
  return model;
}

function describe({ info, classCount, preprocessing, imageShape }: PackedModel): ModelInfo {
  return {
    classes: info.classes ?? Array.from({ length: classCount }, (_, index) => `class ${index}`),
    zoom: preprocessing.resize / imageShape[0],
  };
}

async function classify(model: PackedModel, picture: Blob | ImageBitmap): Promise<Answer> {
  const image = picture instanceof Blob ? await imageFromBlob(picture) : imageFromBitmap(picture);
  if (!(picture instanceof Blob)) picture.close();
  const start = performance.now();
  const [predictions] = await model.predict([image], { top: 5 });
  return { predictions, milliseconds: performance.now() - start };
}
