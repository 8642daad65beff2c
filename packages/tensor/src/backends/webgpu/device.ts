/// <reference types="@webgpu/types" />
import { environmentVariable, isNode } from '../../environment.js';

/** A GPU that was opened, and what there is to say of it. */
export interface OpenedDevice {
  readonly device: GPUDevice;
  readonly name: string;
  /** It is a program that plays a GPU: right, but slower than the CPU backend. */
  readonly isSoftware: boolean;
}

/** Used where the GPU has them: a clock, for profiles. */
const optionalFeatures = ['timestamp-query'] as const;

/** Kept for good: Dawn crashes the process when what `create` returned is collected. */
let instance: GPU | null = null;

/** Opens the fastest GPU that there is. Returns a reason, a clause, where there is none. */
export async function openDevice(): Promise<OpenedDevice | string> {
  if (lacksVulkan()) return 'there is no Vulkan loader (libvulkan.so.1)';
  instance ??= (globalThis as { navigator?: { gpu?: GPU } }).navigator?.gpu ?? (await dawn());
  if (!instance) {
    return isNode
      ? "the optional package 'webgpu' is not installed, or not made for this machine"
      : 'this browser has no WebGPU';
  }
  const adapter = await instance.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) return 'WebGPU finds no GPU and no driver of one';
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
  return { device, name: name || 'a GPU without a name', isSoftware: isSoftware(info) };
}

/** On Linux Dawn goes by Vulkan, and complains on stderr where it is not there. */
function lacksVulkan(): boolean {
  if (!isNode || process.platform !== 'linux') return false;
  const { existsSync } = process.getBuiltinModule('node:fs');
  const machine = process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu';
  const folders = ['/lib', '/usr/lib', '/usr/lib64', '/usr/local/lib', `/lib/${machine}`, `/usr/lib/${machine}`];
  const own = environmentVariable('LD_LIBRARY_PATH')?.split(':') ?? [];
  try {
    return ![...own, ...folders].some((folder) => existsSync(`${folder}/libvulkan.so.1`));
  } catch {
    // Deno may look at files only with --allow-read: then nothing is known.
    return false;
  }
}

/** WebGPU for Node, from the package `webgpu`; null where it is not installed. */
async function dawn(): Promise<GPU | null> {
  if (!isNode) return null;
  // Not a literal, so that bundlers do not look for a package that only Node needs.
  const name = 'webgpu';
  try {
    const { create } = (await import(/* @vite-ignore */ name)) as { create(options: string[]): GPU };
    // The clock as it is: a browser rounds it, so that pages cannot spy on each other.
    return create(['disable-dawn-features=timestamp_quantization']);
  } catch {
    return null;
  }
}

function isSoftware(info: GPUAdapterInfo): boolean {
  const words = `${info.architecture} ${info.device} ${info.description}`;
  return info.isFallbackAdapter === true || /swiftshader|llvmpipe|lavapipe|basic render/i.test(words);
}
