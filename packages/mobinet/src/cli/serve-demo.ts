import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { jsonFlag } from './flags.js';
import { listen } from './listen.js';
import { readPageModel } from './model-flag.js';
import { networkFlag } from './network-flag.js';
import { wholeNumber } from './number-flags.js';
import { printJson, printResult, say } from './output.js';
import { serveSite } from './serve-site.js';

/** The folder where `npm run demo:build` puts the page of examples/web. It is published with the package. */
const demoFolder = fileURLToPath(new URL('../../demo', import.meta.url));

interface ServeFlags {
  model?: string;
  port: number;
  host: string;
  json?: boolean;
}

/** `mobinet serve-demo`: serves the page that runs a packed model in the browser. */
export function serveDemoCommand(): Command {
  return new Command('serve-demo')
    .description('serve a web page that runs a packed model in the browser and shows it bit by bit')
    .option(
      '--model <file>',
      'packed model, checkpoint or run folder (default: the small model that comes with the page)',
    )
    .addOption(networkFlag())
    .option('--port <number>', 'port to listen on, or 0 for any free port', wholeNumber(0, 65_535), 8080)
    .option('--host <name>', 'address to listen on: localhost, or 0.0.0.0 to admit other machines', 'localhost')
    .option(...jsonFlag)
    .addHelpText(
      'after',
      `
Browsers allow threads and the camera only on localhost and over https. So that no other site can use this server, it
refuses requests for host names other than --host or, with 0.0.0.0, other than this computer's name and addresses.

Examples:
  mobinet serve-demo
  mobinet serve-demo --model runs/photos/model.mobinet.safetensors --port 9000`,
    )
    .action(runServeDemo);
}

async function runServeDemo({ model, port, host, json }: ServeFlags): Promise<void> {
  if (!existsSync(demoFolder)) {
    throw new Error(`the demo page is not built: there is no ${demoFolder}. In the repository, run npm run demo`);
  }
  const server = serveSite(demoFolder, { host, ...(model !== undefined && { model: await readPageModel(model) }) });
  const url = await listen(server, { port, host, flag: '--port' });
  if (json) printJson({ url });
  else printResult(url);
  say('press Ctrl-C to stop');
}
