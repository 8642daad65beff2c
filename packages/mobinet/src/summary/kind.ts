import type { Call, Program, Window } from '@mobinet/tensor/kernels';

/** Describes a call in a few words: `binary conv 3×3, groups of 8`. */
export function kindOf({ values }: Program, call: Call): string {
  if (call.kind === 'view') return 'reshape';
  const { name } = call.op;
  if (name === 'matmul') return 'linear';
  if (name !== 'conv2d' && name !== 'bitConv2d') return name;
  const { window, groups } = call.attributes as { window: Window; groups: number };
  const { height, width } = window;
  const channels = values[call.inputs[0]].shape[3];
  return [
    `${name === 'bitConv2d' ? 'binary ' : ''}conv ${height.taps}×${width.taps}`,
    ...(groups > 1 ? [`groups of ${channels / groups}`] : []),
    ...(height.stride > 1 ? [`stride ${height.stride}`] : []),
    ...(height.dilation > 1 ? [`dilation ${height.dilation}`] : []),
  ].join(', ');
}
