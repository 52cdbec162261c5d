// Mailbox names on the wire: modified UTF-7 (RFC 3501 §5.1.3). Base64 of UTF-16BE between '&' and '-', with ',' for '/'.
// Decoding is strict: a name that is not in its one right form is no name, so that one mailbox has one spelling.

const SHIFTED = /&([^-]*)-/g

/** The name as it travels. */
export function encodeMailboxName(name: string): string {
  return name.replace(/&|[^\x20-\x7e]+/g, (run) => {
    if (run === '&') return '&-'
    const utf16 = Buffer.from(run, 'utf16le').swap16()
    return `&${utf16.toString('base64').replace(/=+$/, '').replaceAll('/', ',')}-`
  })
}

/** The name in Unicode, or undefined where the text is not valid modified UTF-7. */
export function decodeMailboxName(text: string): string | undefined {
  if (!/^[\x20-\x7e]*$/.test(text)) return undefined
  if (!text.includes('&')) return text
  const name = text.replace(SHIFTED, (_, base64: string) => (base64 === '' ? '&' : decodeUtf16(base64)))
  // Encoding again proves the form: no shift left open, nothing encoded that must not be, no stray bits.
  return name.isWellFormed() && encodeMailboxName(name) === text ? name : undefined
}

function decodeUtf16(base64: string): string {
  const bytes = Buffer.from(base64.replaceAll(',', '/'), 'base64')
  const even = bytes.subarray(0, bytes.length & ~1)
  return Buffer.from(even).swap16().toString('utf16le')
}
