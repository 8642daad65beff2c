import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Module } from '@mobinet/autograd';
import { type ExportOptions, packModel } from '../export/pack.js';
import { unpackModel } from '../export/packed-model.js';

/** The default file name of a script. */
export const scriptFile = 'model.js';

/** The engine, bundled into a single file by `npm run bundle`. It is published with the package. */
const engineFile = fileURLToPath(new URL('../mobinet.min.js', import.meta.url));

/**
 * Writes a network as an ES module that needs no other file: the engine, and the packed network in base64. It exports
 * what a `Classifier` has, `classes` and `classify`.
 *
 * @throws RangeError, one line, like `packModel`, and for a network of anything but square RGB images.
 */
export function exportScript(network: Module, options: ExportOptions): Uint8Array {
  const bytes = packModel(network, options);
  checkClassifies(bytes);
  if (!existsSync(engineFile)) {
    throw new Error(`the engine is not bundled: there is no ${engineFile}. In the repository, run npm run build`);
  }
  const script = `${readFileSync(engineFile, 'utf8').trimEnd()}
const model = ${JSON.stringify(Buffer.from(bytes).toString('base64'))};
export const { classes, classify } = mobinet.createClassifier(Uint8Array.from(atob(model), (byte) => byte.charCodeAt()));
`;
  return new TextEncoder().encode(script);
}

function checkClassifies(bytes: Uint8Array): void {
  const model = unpackModel(bytes);
  const [height, width, channels] = model.imageShape;
  model.dispose();
  if (height !== width || channels !== 3) {
    throw new RangeError(
      `a script classifies RGB images, but this network takes ${height}×${width}×${channels}. Use --format packed`,
    );
  }
}
