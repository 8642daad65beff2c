/** What holds while a function runs, such as the backend of new tensors, and is afterwards what it was before. */
export class Setting<T> {
  constructor(public current: T) {}

  during<R>(value: T, body: () => R): R {
    const outer = this.current;
    this.current = value;
    try {
      return body();
    } finally {
      this.current = outer;
    }
  }
}
