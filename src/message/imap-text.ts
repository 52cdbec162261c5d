// Strings in IMAP's form (RFC 9051 §4.3). Text here is "bytes as latin1": one character for each byte on the wire.

/** A quoted string where it may be one, else a literal. Long texts as literals keep lines short. */
export function string(value: string): string {
  // RFC 3501 §9: not even a literal holds NUL.
  const text = value.includes('\0') ? value.replaceAll('\0', ' ') : value
  if (text.length < 1024 && /^[\x01-\x09\x0b\x0c\x0e-\x7f]*$/.test(text)) return `"${text.replace(/["\\]/g, '\\$&')}"`
  return `{${text.length}}\r\n${text}`
}

export function nstring(text: string | undefined): string {
  return text === undefined ? 'NIL' : string(text)
}
