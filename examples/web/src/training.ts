import { Adam, crossEntropy, valueAndGradient } from '@mobinet/autograd';
import { dispose, Rng, setThreads, type Tensor, tensor, useBackend } from '@mobinet/tensor';
import { createMoBiNet, type MoBiNet, unpackModel } from 'mobinet';

// The same program as in Node. It only chooses the backend on which tensors are made.

const show = (selector: string, text: string): void => {
  document.querySelector(selector)!.textContent = text;
};

const query = new URLSearchParams(location.search);
const device = query.get('device') === 'cpu' ? 'cpu' : 'webgpu';
const steps = Number(query.get('steps') ?? 20);
try {
  const { reason } = await useBackend(device);
  // The main thread of a page must not block, so it cannot wait for helper threads.
  await setThreads(1);
  show('#device', `On ${reason}.`);
  await train();
  await classify();
} catch (error) {
  show('#answer', `error: ${error instanceof Error ? error.message : String(error)}`);
}

async function train(): Promise<void> {
  const model = createMoBiNet({ width: 0.25, block: 'none', imageSize: 32, classes: 3 });
  const optimizer = new Adam({ learningRate: 1e-3 });
  const lossAndGradient = valueAndGradient((model: MoBiNet, images: Tensor, labels: Tensor<'i32'>) =>
    crossEntropy(model.forward(images), labels),
  );
  // With these images, no sign in the first steps depends on how sums are rounded, so their losses can be compared.
  const images = Rng.fromSeed(2).normal([4, 32, 32, 3]);
  const labels = tensor(Int32Array.of(0, 1, 2, 1), { dtype: 'i32' });
  for (let step = 0; step < steps; step++) {
    const { value, gradients } = lossAndGradient(model, images, labels);
    optimizer.update(model, gradients);
    const item = document.createElement('li');
    item.textContent = (await value.item()).toFixed(4);
    document.querySelector('#losses')!.append(item);
    dispose([value, gradients]);
  }
}

/** Shows the most probable classes of a gray image, as JSON. */
async function classify(): Promise<void> {
  const file = await fetch('./model.mobinet.safetensors');
  const network = unpackModel(new Uint8Array(await file.arrayBuffer()));
  const [predictions] = await network.predict([{ width: 1, height: 1, pixels: Uint8Array.of(128, 128, 128) }]);
  show('#answer', JSON.stringify(predictions));
}
