/** The part of `ndarray` that this package calls; it comes without types. */
declare module 'ndarray' {
  export default function ndarray<Data extends ArrayLike<number>>(
    data: Data,
    shape: number[],
  ): import('./ndarray.js').NdArray<Data>;
}
