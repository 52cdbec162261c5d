// Characters of Sieve strings: Unicode, in which a byte that is no UTF-8 is a lone surrogate U+DC80 to U+DCFF.

/** Bytes that stand as U+DC80 to U+DCFF and together are UTF-8 become the characters that they are. */
export function decodeUtf8Lenient(text: string): string {
  return text.replace(/[\udc80-\udcff]+/gu, (run) => {
    const bytes = Buffer.from([...run].map((character) => character.charCodeAt(0) - 0xdc00))
    const decoded = bytes.toString('utf8')
    return decoded.includes('\ufffd') ? run : decoded
  })
}

/** At most so many bytes of UTF-8 of the text's beginning, whole characters. */
export function cutBytes(text: string, maxBytes: number): string {
  if (text.length * 3 <= maxBytes || Buffer.byteLength(text) <= maxBytes) return text
  const bytes = Buffer.from(text)
  let end = maxBytes
  while (end > 0 && (bytes[end]! & 0xc0) === 0x80) end--
  return bytes.toString('utf8', 0, end)
}

/** ASCII letters in lower case, all else as it is: the length stays. */
export function asciiLower(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
}
