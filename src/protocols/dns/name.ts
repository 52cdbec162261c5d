// Domain names as DNS text: lower case, without the final dot, '' for the root (RFC 1035 §2.3, RFC 4343).

/** RFC 1035 §2.3.4: 255 octets on the wire are 253 characters of text. */
const longestName = 253
const longestLabel = 63

/** The form in which names are compared and kept. */
export function canonicalName(name: string): string {
  return (name.endsWith('.') ? name.slice(0, -1) : name).toLowerCase()
}

/** Can this canonical name be asked for: labels of 1 to 63 printable ASCII characters, not too long in all. */
export function isAskable(name: string): boolean {
  if (name.length === 0 || name.length > longestName) return false
  let labelStart = 0
  for (let at = 0; at <= name.length; at++) {
    const code = at === name.length ? 0x2e : name.charCodeAt(at)
    if (code === 0x2e) {
      if (at === labelStart || at - labelStart > longestLabel) return false
      labelStart = at + 1
    } else if (code <= 0x20 || code >= 0x7f) return false
  }
  return true
}

/** The name without its first label: '' above a top-level name. */
export function parentName(name: string): string {
  const dot = name.indexOf('.')
  return dot < 0 ? '' : name.slice(dot + 1)
}
