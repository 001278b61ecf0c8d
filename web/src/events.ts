// Events by name, each with what it carries, so that whoever hears one knows its type.

export type Listener<T> = (value: T) => void;

export class Events<Kinds extends object> {
  private readonly listeners = new Map<keyof Kinds, Set<Listener<never>>>();

  /** Hear an event; the function that comes back ends that. */
  on<Kind extends keyof Kinds>(kind: Kind, listener: Listener<Kinds[Kind]>): () => void {
    const those = this.listeners.get(kind) ?? new Set();
    this.listeners.set(kind, those.add(listener));
    return () => those.delete(listener);
  }

  emit<Kind extends keyof Kinds>(kind: Kind, value: Kinds[Kind]): void {
    for (const listener of this.listeners.get(kind) ?? []) (listener as Listener<Kinds[Kind]>)(value);
  }
}
