/** Where tensors live and operations run: `'cpu'` is WebAssembly on this machine's processor, `'webgpu'` a GPU. */
export type BackendName = (typeof backendNames)[number];

export const backendNames = ['cpu', 'webgpu'] as const;
