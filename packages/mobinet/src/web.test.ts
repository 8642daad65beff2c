import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';

// Removes from Node what web pages lack: Node's modules, its globals and, as on a page without cross-origin isolation,
// shared memory. Also removes the package that only ONNX export needs, since pages that run a network should not have
// to load it.
const likeAPage = `
  import { register } from 'node:module';
  register(\`data:text/javascript,\${encodeURIComponent(\`export async function resolve(name, context, next) {
    const found = await next(name, context);
    if (found.url.startsWith('node:') || found.url.includes('/onnx-proto/')) throw new Error(context.parentURL + ' imports ' + name);
    return found;
  }\`)}\`);
  delete globalThis.process;
  delete globalThis.Buffer;
  delete globalThis.SharedArrayBuffer;
  globalThis.crossOriginIsolated = false;`;

const url = (path: string): string => JSON.stringify(new URL(path, import.meta.url).href);

test('a network is trained, packed and loaded without anything of Node', () => {
  const train = `
    const { Adam, crossEntropy, noGradient, valueAndGradient } = await import('@mobinet/autograd');
    const { Rng, tensor, threadCount } = await import('@mobinet/tensor');
    const { createMoBiNet, packModel, unpackModel } = await import(${url('./web.js')});

    const model = createMoBiNet({ width: 0.25, imageSize: 32, classes: 3 });
    const images = Rng.fromSeed(1).normal([2, 32, 32, 3]);
    const labels = tensor([0, 2], { dtype: 'i32' });
    const step = valueAndGradient((model) => crossEntropy(model.forward(images), labels));
    const { value, gradients } = step(model);
    new Adam({ learningRate: 0.01 }).update(model, gradients);
    const packed = unpackModel(packModel(model));
    const [trained, restored] = noGradient(() => [model.eval().forward(images), packed.forward(images)]);
    console.log(threadCount(), Number.isFinite(value.values[0]), trained.values.join() === restored.values.join());`;
  // Bundlers for pages see the modules, not what is bundled for Node.
  const args = ['--conditions=mobinet-unbundled', '--input-type=module', '-e', likeAPage + train];
  const output = execFileSync(process.execPath, args, { encoding: 'utf8', cwd: import.meta.dirname, timeout: 60_000 });
  expect(output.trim()).toBe('1 true true');
});
