// Texts of DNS that are read again for every message of a domain, and change rarely: what was read of them is kept by the
// text itself, so a change in DNS counts at once and costs nothing else.

/** What is kept in all: strangers write these texts, and a short one can stand for much. */
interface Bounds {
  readonly mostTexts: number
  /** Longer ones than anybody needs are read each time. */
  readonly longest: number
}

/** `read`, which must give the same for the same text, with a memory. What it gives is shared: nobody may change it. */
export function readOnce<T>(read: (text: string) => T, { mostTexts, longest }: Bounds): (text: string) => T {
  const known = new Map<string, T>()
  return (text) => {
    const before = known.get(text)
    if (before !== undefined) return before
    const value = read(text)
    if (text.length > longest || value === undefined) return value
    if (known.size >= mostTexts) known.delete(known.keys().next().value!)
    known.set(text, value)
    return value
  }
}
