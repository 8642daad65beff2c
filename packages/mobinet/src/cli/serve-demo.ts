import { existsSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import sirv from 'sirv';
import { readBytes } from '../data/read-bytes.js';
import { packedFile } from '../export/files.js';
import { unpackModel } from '../export/packed-model.js';
import { jsonFlag, wholeNumber } from './flags.js';
import { printJson, printResult, say } from './output.js';

/** Where `npm run demo:build` puts the page of examples/web. It is published with the package. */
const demoFolder = fileURLToPath(new URL('../../demo', import.meta.url));

/** What makes a page cross-origin isolated, so that its threads may share memory. Workers need it as the page does. */
const isolation = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

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
    .option('--model <file>', 'a packed model (default: the small one that comes with the page)')
    .option('--port <number>', 'where it listens; 0 is any port that is free', wholeNumber(0), 8080)
    .option('--host <name>', 'who may ask: localhost, or 0.0.0.0 for other machines too', 'localhost')
    .option(...jsonFlag)
    .addHelpText(
      'after',
      `
Browsers give threads and the camera only to localhost and to https.

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
  const server = serveSite(demoFolder, model === undefined ? undefined : await readChecked(model));
  await listen(server, port, host);
  const { port: found } = server.address() as AddressInfo;
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${found}/`;
  if (json) printJson({ url });
  else printResult(url);
  say('Ctrl-C ends it');
}

/** @throws FormatError if it is no packed model: better here than in the page. */
async function readChecked(file: string): Promise<Uint8Array> {
  const bytes = await readBytes(file, 'model');
  unpackModel(bytes, file).dispose();
  return bytes;
}

/** A server of a folder's files, isolated. `model` takes the place of the packed model among them. */
export function serveSite(folder: string, model?: Uint8Array): Server {
  const files = sirv(folder, {
    setHeaders(response) {
      for (const [name, value] of Object.entries(isolation)) response.setHeader(name, value);
    },
  });
  return createServer((request, response) => {
    if (model && request.url === `/${packedFile}`) response.end(model);
    else files(request, response);
  });
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', ({ code, message }: NodeJS.ErrnoException) => {
      const isTaken = code === 'EADDRINUSE';
      reject(new Error(isTaken ? `port ${port} is taken. Use another --port, or 0 for any that is free` : message));
    });
    server.listen(port, host, resolve);
  });
}
