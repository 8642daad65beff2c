import { existsSync } from 'node:fs';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { unpackModel } from '../export/packed-model.js';
import { readPackedBytes } from '../training/files.js';
import { jsonFlag, wholeNumber } from './flags.js';
import { networkFlag } from './network-flag.js';
import { printJson, printResult, say } from './output.js';
import { serveSite } from './serve-site.js';

/** Where `npm run demo:build` puts the page of examples/web. It is published with the package. */
const demoFolder = fileURLToPath(new URL('../../demo', import.meta.url));

interface ServeFlags {
  model?: string;
  port: number;
  host: string;
  json?: boolean;
}

/** `mobinet serve-demo`: the page that runs a packed model in the browser. */
export function serveDemoCommand(): Command {
  return new Command('serve-demo')
    .description('serve a page that runs a packed model in the browser, to be looked into bit by bit')
    .option(
      '--model <file>',
      "a packed model, a checkpoint, or a run's folder (default: the small one that comes with the page)",
    )
    .addOption(networkFlag())
    .option('--port <number>', 'where it listens; 0 is any port that is free', wholeNumber(0, 65_535), 8080)
    .option('--host <name>', 'who may ask: localhost, or 0.0.0.0 for other machines too', 'localhost')
    .option(...jsonFlag)
    .addHelpText(
      'after',
      `
Browsers give threads and the camera only to localhost and to https. Only a page of this server may use it: requests for
other names than --host are refused, or with 0.0.0.0 for others than this computer's name and addresses.

Examples:
  mobinet serve-demo
  mobinet serve-demo --model runs/photos/model.mobinet.safetensors --port 9000`,
    )
    .action(runServeDemo);
}

async function runServeDemo({ model, port, host, json }: ServeFlags): Promise<void> {
  if (!existsSync(demoFolder)) {
    throw new Error(`the page is not built: there is no ${demoFolder}. In the repository, use npm run demo`);
  }
  const server = serveSite(demoFolder, { host, ...(model !== undefined && { model: await readChecked(model) }) });
  await listen(server, port, host);
  const { port: found } = server.address() as AddressInfo;
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${found}/`;
  if (json) printJson({ url });
  else printResult(url);
  say('Ctrl-C ends it');
}

/** @throws FormatError if it is no packed model: better here than in the page. */
async function readChecked(path: string): Promise<Uint8Array> {
  const { bytes, file } = await readPackedBytes(path);
  unpackModel(bytes, file).dispose();
  return bytes;
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', ({ code, message }: NodeJS.ErrnoException) => {
      const isTaken = code === 'EADDRINUSE';
      reject(new Error(isTaken ? `port ${port} is taken. Use another --port, or 0 for any that is free` : message));
    });
    server.listen(port, host, () => {
      // From now on an error is reported and the server goes on, when no file handles are left, for example.
      server.removeAllListeners('error').on('error', ({ message }) => say(`warning: ${message}`));
      resolve();
    });
  });
}
