/// <reference types="@webgpu/types" />
import { environmentVariable, isNode } from '../../environment.js';

/** A GPU that was opened, and what there is to say of it. */
export interface OpenedDevice {
  readonly device: GPUDevice;
  readonly name: string;
  /** A software adapter: correct, but slower than the CPU backend. */
  readonly isSoftware: boolean;
  /** Whether its promises are kept by asking a driver again and again, as Dawn in Node does, and not by the browser. */
  readonly isPolled: boolean;
}

/** Why there is none. */
export interface NoDevice {
  /** A clause. */
  readonly reason: string;
  /** What lacks is only the package `webgpu`: this processor seems to have a GPU beside it. */
  readonly lacksOnlyPackage?: true;
}

/** Used where the GPU has them: a clock, for profiles. */
const optionalFeatures = ['timestamp-query'] as const;

/** Kept for good: Dawn crashes the process when what `create` returned is collected. */
let instance: GPU | null = null;

/** Opens the fastest GPU that there is. */
export async function openDevice(): Promise<OpenedDevice | NoDevice> {
  const own = (globalThis as { navigator?: { gpu?: GPU } }).navigator?.gpu ?? null;
  instance ??= own;
  if (!instance) {
    const dawn = isNode ? await openDawn() : { reason: 'this browser has no WebGPU' };
    if ('reason' in dawn) return dawn;
    instance = dawn;
  }
  const adapter = await instance.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) return { reason: 'WebGPU finds no GPU and no driver of one' };
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
  return { device, name: name || 'a GPU without a name', isSoftware: isSoftware(info), isPolled: instance !== own };
}

/** WebGPU for Node, from the package `webgpu`. It has 131 MB, so whoever has a GPU installs it. */
async function openDawn(): Promise<GPU | NoDevice> {
  // Not a literal, so that bundlers do not look for a package that only Node needs.
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
  if (lacksVulkan()) return { reason: 'there is no Vulkan loader (libvulkan.so.1)' };
  // The clock as it is: a browser rounds it, so that pages cannot spy on each other.
  return create(['disable-dawn-features=timestamp_quantization']);
}

/** On Linux Dawn goes by Vulkan, and complains on stderr where it is not there. */
function lacksVulkan(): boolean {
  if (process.platform !== 'linux') return false;
  const machine = process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu';
  const folders = ['/lib', '/usr/lib', '/usr/lib64', '/usr/local/lib', `/lib/${machine}`, `/usr/lib/${machine}`];
  const own = environmentVariable('LD_LIBRARY_PATH')?.split(':') ?? [];
  return ![...own, ...folders].some((folder) => isThere(`${folder}/libvulkan.so.1`));
}

/** Every Mac and every Windows has one, Linux where there is a device file of one. */
function seemsToHaveGpu(): boolean {
  if (process.platform !== 'linux') return process.platform === 'darwin' || process.platform === 'win32';
  return ['/dev/nvidia0', '/dev/dri/renderD128', '/dev/dxg'].some(isThere);
}

function isThere(file: string): boolean {
  try {
    return process.getBuiltinModule('node:fs').existsSync(file);
  } catch {
    // Deno may look at files only with --allow-read: what cannot be seen may be there.
    return true;
  }
}

function isSoftware(info: GPUAdapterInfo): boolean {
  const words = `${info.architecture} ${info.device} ${info.description}`;
  return info.isFallbackAdapter === true || /swiftshader|llvmpipe|lavapipe|basic render/i.test(words);
}
