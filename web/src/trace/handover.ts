// A message that the webmail hands to the page of the trace, in the same window and the same browser: no server sees it.

const KEY = 'borderpost:trace'
/** What browsers keep in a session; of a longer message the header is handed over, which tells the path. */
const MAX = 2_000_000

/** False: the browser keeps nothing, or not so much. */
export function handOver(message: Uint8Array): boolean {
  const text = characters(message.length > MAX ? headerOf(message) : message)
  try {
    sessionStorage.setItem(KEY, text)
    return true
  } catch {
    return false
  }
}

/** The message, once; a character is a byte. */
export function handedOver(): string | undefined {
  try {
    const message = sessionStorage.getItem(KEY) ?? undefined
    sessionStorage.removeItem(KEY)
    return message
  } catch {
    return undefined
  }
}

function headerOf(message: Uint8Array): Uint8Array {
  const start = message.subarray(0, MAX)
  const end = start.findIndex((byte, at) => byte === 10 && start[at + 1] === 13 && start[at + 2] === 10)
  return end < 0 ? start : start.subarray(0, end + 1)
}

/** A character for each byte: what decoders call latin1 is another encoding. */
function characters(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192))
  return text
}
