/// <reference types="@webgpu/types" />
import { environmentVariable, isNode } from '../../environment.js';

/** An open GPU device and its properties. */
export interface OpenedDevice {
  readonly device: GPUDevice;
  readonly name: string;
  /** Whether it is a software adapter: correct, but slower than the CPU backend. */
  readonly isSoftware: boolean;
  /** Whether its promises resolve by polling a driver, as Dawn does in Node. Browsers do not poll. */
  readonly isPolled: boolean;
}

/** The result if no device could be opened. */
export interface NoDevice {
  /** Why there is none: a clause. */
  readonly reason: string;
  /** Set if the machine seems to have a GPU, and only the package `webgpu` is missing. */
  readonly lacksOnlyPackage?: true;
}

/** Features that are used if the GPU has them. Timestamp queries are for profiles. */
const optionalFeatures = ['timestamp-query'] as const;

/** Never released: Dawn crashes the process when the object returned by `create` is garbage collected. */
let instance: GPU | null = null;

/** Opens the fastest GPU available. */
export async function openDevice(): Promise<OpenedDevice | NoDevice> {
  const builtIn = (globalThis as { navigator?: { gpu?: GPU } }).navigator?.gpu ?? null;
  instance ??= builtIn;
  if (!instance) {
    const dawn = isNode ? await openDawn() : { reason: 'this browser has no WebGPU' };
    if ('reason' in dawn) return dawn;
    instance = dawn;
  }
  const adapter = await instance.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) return { reason: 'WebGPU finds no GPU and no driver' };
  const { info, limits } = adapter;
  const device = await adapter.requestDevice({
    requiredFeatures: optionalFeatures.filter((feature) => adapter.features.has(feature)),
    requiredLimits: {
      maxBufferSize: limits.maxBufferSize,
      maxStorageBufferBindingSize: limits.maxStorageBufferBindingSize,
      maxStorageBuffersPerShaderStage: limits.maxStorageBuffersPerShaderStage,
    },
  });
  const name = info.description || [info.vendor, info.architecture, info.device].filter(Boolean).join(' ');
  return { device, name: name || 'an unnamed GPU', isSoftware: isSoftware(info), isPolled: instance !== builtIn };
}

/** WebGPU for Node, from the package `webgpu`. It takes 131 MB, so users with a GPU install it themselves. */
async function openDawn(): Promise<GPU | NoDevice> {
  // A variable, so that bundlers do not try to resolve a package that only Node needs.
  const name = 'webgpu';
  let create: (options: string[]) => GPU;
  try {
    ({ create } = await import(/* @vite-ignore */ /* webpackIgnore: true */ /* turbopackIgnore: true */ name));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== 'ERR_MODULE_NOT_FOUND') return { reason: `the package webgpu cannot be loaded (${message})` };
    const reason = 'the package webgpu is not installed: npm install webgpu';
    return seemsToHaveGpu() ? { reason, lacksOnlyPackage: true } : { reason };
  }
  if (isVulkanMissing()) return { reason: 'there is no Vulkan loader (libvulkan.so.1)' };
  // Browsers quantize timestamps against timing attacks between pages. Profiles in Node need the full resolution.
  return create(['disable-dawn-features=timestamp_quantization']);
}

/** On Linux, Dawn uses Vulkan, and prints warnings to stderr if it is missing. */
function isVulkanMissing(): boolean {
  if (process.platform !== 'linux') return false;
  const machine = process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu';
  const folders = ['/lib', '/usr/lib', '/usr/lib64', '/usr/local/lib', `/lib/${machine}`, `/usr/lib/${machine}`];
  const searched = environmentVariable('LD_LIBRARY_PATH')?.split(':') ?? [];
  return ![...searched, ...folders].some((folder) => fileExists(`${folder}/libvulkan.so.1`));
}

/** Assumes a GPU in every Mac and Windows machine. On Linux, looks for its device file. */
function seemsToHaveGpu(): boolean {
  if (process.platform !== 'linux') return process.platform === 'darwin' || process.platform === 'win32';
  return ['/dev/nvidia0', '/dev/dri/renderD128', '/dev/dxg'].some(fileExists);
}

function fileExists(file: string): boolean {
  try {
    return process.getBuiltinModule('node:fs').existsSync(file);
  } catch {
    // Deno needs --allow-read to look at files. A file that cannot be checked may exist.
    return true;
  }
}

function isSoftware(info: GPUAdapterInfo): boolean {
  const words = `${info.architecture} ${info.device} ${info.description}`;
  return info.isFallbackAdapter === true || /swiftshader|llvmpipe|lavapipe|basic render/i.test(words);
}
