/** The part of `ndarray` that this package uses. The package has no types of its own. */
declare module 'ndarray' {
  export default function ndarray<Data extends ArrayLike<number>>(
    data: Data,
    shape: number[],
  ): import('./ndarray.js').NdArray<Data>;
}
