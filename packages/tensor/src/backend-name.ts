/** Where tensors live and operations run: in WebAssembly on this machine's processor, or on a GPU. */
export type BackendName = 'cpu' | 'webgpu';
