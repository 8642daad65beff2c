import { Command } from 'commander';
import writeFileAtomic from 'write-file-atomic';
import { packedFile, readCheckpoint, writePacked } from '../export/files.js';
import { packModel } from '../export/pack.js';
import { createMoBiNet } from '../model/mobinet.js';
import { type ArchitectureFlags, addArchitectureFlags, architectureOf, jsonFlag, wholeNumber } from './flags.js';
import { printJson, printResult } from './output.js';

interface ExportFlags extends ArchitectureFlags {
  checkpoint?: string;
  untrained?: boolean;
  out: string;
  json?: boolean;
}

/** `mobinet export`: a checkpoint, or a freshly initialised network, as a packed file. */
export function exportCommand(): Command {
  const command = new Command('export').description('save a network with 1-bit weights');
  command
    .option('--checkpoint <run>', "a run's folder or checkpoint")
    .option('--untrained', 'pack a freshly initialised network of the architecture below')
    .option('--out <file>', 'the file to write', packedFile);
  addArchitectureFlags(command)
    .option('--classes <number>', 'classes to tell apart (default: 1000)', wholeNumber(1))
    .option(...jsonFlag)
    .addHelpText(
      'after',
      `
Examples:
  mobinet export --checkpoint runs/photos --out photos.mobinet.safetensors
  mobinet export --untrained --width 0.5 --classes 10`,
    );
  return command.action(runExport);
}

async function runExport({ checkpoint, untrained, out, json, ...flags }: ExportFlags): Promise<void> {
  const architecture = architectureOf(flags);
  if ((checkpoint === undefined) === !untrained) throw new RangeError('give one of --checkpoint RUN and --untrained');
  if (checkpoint !== undefined && Object.keys(architecture).length > 0) {
    throw new RangeError('a checkpoint has an architecture of its own. Leave out the flags that describe one');
  }
  const bytes = checkpoint === undefined ? await packUntrained(architecture, out) : await packRun(checkpoint, out);
  if (json) printJson({ file: out, bytes });
  else printResult(`${out}, ${bytes.toLocaleString('en-US')} bytes`);
}

async function packUntrained(architecture: ReturnType<typeof architectureOf>, out: string): Promise<number> {
  const bytes = packModel(createMoBiNet(architecture));
  await writeFileAtomic(out, Buffer.from(bytes));
  return bytes.byteLength;
}

async function packRun(checkpoint: string, out: string): Promise<number> {
  return writePacked(await readCheckpoint(checkpoint), out);
}
