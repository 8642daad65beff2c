import { forRange, type I32, i32, store, type Variable, when } from '../../wasm/assembler.js';
import type { windowParameters } from '../window.wasm.js';
import { entryBytes, type TableShape } from './byte-tables.wasm.js';

/** A band of output rows of one image, for eight of its channels. */
interface Band {
  readonly image: I32;
  /** Channels [8·octet, 8·octet + 8). */
  readonly octet: I32;
  readonly firstRow: I32;
  readonly rows: I32;
  readonly kernelHeight: number;
}

/** The parameters of the kernel that `fillPlane` reads. */
type PlaneParameters = {
  readonly [K in 'x' | 'planeWidth' | 'pixelBytes' | 'outside' | keyof typeof windowParameters]: Variable<I32>;
};

/** Pixels per iteration. */
const pixelsPerPass = 4;

/**
 * Statements that prepare eight channels of the image rows that a band of output rows reads. For each pixel, including
 * the border, the plane has the address of its byte's entry in the first table. `outside` is the offset of the border's.
 */
export function fillPlane(
  p: PlaneParameters,
  { image, octet, firstRow, rows, kernelHeight }: Band,
  { tables, plane, shape }: { readonly tables: I32; readonly plane: I32; readonly shape: TableShape },
): void {
  const at = i32.variable(plane, 'planeAt');
  const outside = i32.variable(tables.add(p.outside), 'outside');
  const border = (count: I32): void =>
    forRange(0, count, 1, () => {
      store(at, outside);
      at.set(at.add(4));
    });
  const firstInput = i32.variable(firstRow.mul(p.strideY).sub(p.top), 'firstInput');
  const planeRows = rows
    .sub(1)
    .mul(p.strideY)
    .add(p.dilationY.mul(kernelHeight - 1))
    .add(1);
  const left = i32.variable(p.left.minU(p.planeWidth), 'leftBorder');
  const inside = i32.variable(p.planeWidth.sub(left).minU(p.width), 'inside');
  const whole = i32.variable(inside.and(-pixelsPerPass), 'whole');
  forRange(firstInput, firstInput.add(planeRows), 1, (row) => {
    when(
      row.ltU(p.height),
      () => {
        const source = image.mul(p.height).add(row).mul(p.width).mul(p.pixelBytes);
        const xAt = i32.variable(p.x.add(source).add(octet), 'xAt');
        border(left);
        const copy = (count: number): void => {
          for (let pixel = 0; pixel < count; pixel++) {
            store(at, tables.add(i32.load8U(xAt).mul(entryBytes(shape))), 4 * pixel);
            xAt.set(xAt.add(p.pixelBytes));
          }
          at.set(at.add(4 * count));
        };
        forRange(0, whole, pixelsPerPass, () => copy(pixelsPerPass));
        forRange(whole, inside, 1, () => copy(1));
        border(p.planeWidth.sub(left).sub(inside));
      },
      () => border(p.planeWidth),
    );
  });
}
