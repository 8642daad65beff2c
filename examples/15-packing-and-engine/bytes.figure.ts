import { Rng } from '@mobinet/tensor';
import { packModel } from 'mobinet';
import { chart } from '../lib/figure.js';
import { classes, Stripes } from './stripes.js';

/** The bytes of the network, by what they are for, as floats and in the packed file. */
export default function draw(): Promise<string> {
  const network = new Stripes(Rng.fromSeed(15)).label();
  const file = packModel(network, { classes });
  const headerLength = Number(new DataView(file.buffer).getBigUint64(0, true));
  const { __metadata__, ...tensors } = JSON.parse(new TextDecoder().decode(file.subarray(8, 8 + headerLength)));
  const bits = Object.entries<{ dtype: string; data_offsets: [number, number] }>(tensors)
    .filter(([, { dtype }]) => dtype === 'U32')
    .reduce(
      (
        sum,
        [
          ,
          {
            data_offsets: [begin, end],
          },
        ],
      ) => sum + end - begin,
      0,
    );
  const bytesOf = (binary: boolean): number =>
    [...network.parameters().values()].reduce(
      (sum, parameter) => sum + (parameter.binary === binary ? 4 * parameter.size : 0),
      0,
    );
  const parts = ['binary weights', 'floats', 'header with the program'];
  const rows = [
    { form: 'parameters as floats', bytes: [bytesOf(true), bytesOf(false), 0] },
    { form: 'packed file', bytes: [bits, file.length - 8 - headerLength - bits, 8 + headerLength] },
  ];
  return chart({
    width: 520,
    height: 90,
    data: {
      values: rows.flatMap(({ form, bytes }) =>
        bytes.map((count, at) => ({ form, part: parts[at], at, bytes: count })),
      ),
    },
    mark: { type: 'bar', height: 26 },
    encoding: {
      y: {
        field: 'form',
        type: 'nominal',
        title: null,
        sort: rows.map(({ form }) => form),
        axis: { ticks: false, domain: false, labelLimit: 200 },
      },
      x: { field: 'bytes', type: 'quantitative', title: 'bytes' },
      color: {
        field: 'part',
        type: 'nominal',
        title: null,
        scale: { domain: parts },
        legend: { orient: 'bottom', labelLimit: 250 },
      },
      order: { field: 'at' },
    },
  });
}
