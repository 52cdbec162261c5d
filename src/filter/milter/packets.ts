// The packets of the milter protocol, version 6 (libmilter's mfdef.h): a length of four bytes, a command, its data.
// Bytes in, packets out; and packets of a mail server built as bytes. Knows nothing of their order.

/** What we say. */
export const COMMANDS = {
  negotiate: 'O',
  macros: 'D',
  connect: 'C',
  hello: 'H',
  mail: 'M',
  recipient: 'R',
  data: 'T',
  header: 'L',
  endOfHeader: 'N',
  body: 'B',
  endOfBody: 'E',
  quit: 'Q',
} as const

/** Changes that a milter may make. */
export const ACTIONS = {
  addHeaders: 0x01,
  changeBody: 0x02,
  addRecipients: 0x04,
  deleteRecipients: 0x08,
  changeHeaders: 0x10,
  quarantine: 0x20,
  changeSender: 0x40,
} as const

/** Steps that a milter does not want to hear of ('no'), or will not answer ('silent'), and what else it may choose. */
export const STEPS = {
  noConnect: 0x01,
  noHello: 0x02,
  noMail: 0x04,
  noRecipient: 0x08,
  noBody: 0x10,
  noHeader: 0x20,
  noEndOfHeader: 0x40,
  silentHeader: 0x80,
  noUnknown: 0x100,
  noData: 0x200,
  maySkip: 0x400,
  silentConnect: 0x1000,
  silentHello: 0x2000,
  silentMail: 0x4000,
  silentRecipient: 0x8000,
  silentData: 0x10000,
  silentUnknown: 0x20000,
  silentEndOfHeader: 0x40000,
  silentBody: 0x80000,
  leadingSpace: 0x100000,
} as const

export const MILTER_VERSION = 6
/** Bytes of body in one packet. */
export const BODY_CHUNK_BYTES = 65_535
/** No packet of an honest milter is longer: a replaced body comes in chunks, a header fits. */
const MAX_PACKET_BYTES = 1_048_576

export interface Packet {
  /** One character. */
  readonly command: string
  readonly data: Buffer
}

export function packet(command: string, ...parts: readonly (Uint8Array | string)[]): Buffer {
  const data = parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : part))
  const length = data.reduce((sum, part) => sum + part.length, 1)
  const head = Buffer.alloc(5)
  head.writeUInt32BE(length)
  head.write(command, 4, 'latin1')
  return Buffer.concat([head, ...data])
}

/** Text and the NUL that ends it. NUL inside would end it sooner, so it is left out. */
export function nulEnded(text: string): string {
  return `${text.replaceAll('\0', '')}\0`
}

export function uint32(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length)
  values.forEach((value, i) => {
    bytes.writeUInt32BE(value >>> 0, 4 * i)
  })
  return bytes
}

/** Texts of a packet's data, each up to its NUL (or the end), from `at`. */
export function nulSeparated(data: Buffer, at = 0): string[] {
  const texts: string[] = []
  for (let from = at; from < data.length; ) {
    const nul = data.indexOf(0, from)
    const end = nul < 0 ? data.length : nul
    texts.push(data.toString('latin1', from, end))
    from = end + 1
  }
  return texts
}

/** Packets from a byte stream. Memory is bounded by the longest packet. */
export class PacketReader {
  #bytes: Buffer = Buffer.alloc(0)
  #isBroken = false

  push(chunk: Uint8Array): void {
    if (!this.#isBroken) this.#bytes = Buffer.concat([this.#bytes, chunk])
  }

  /** The next packet; undefined when more bytes are needed; 'malformed' for ever once a length made no sense. */
  next(): Packet | 'malformed' | undefined {
    if (this.#isBroken) return 'malformed'
    if (this.#bytes.length < 4) return undefined
    const length = this.#bytes.readUInt32BE(0)
    if (length === 0 || length > MAX_PACKET_BYTES) {
      this.#isBroken = true
      this.#bytes = Buffer.alloc(0)
      return 'malformed'
    }
    if (this.#bytes.length < 4 + length) return undefined
    const command = String.fromCharCode(this.#bytes[4]!)
    const data = this.#bytes.subarray(5, 4 + length)
    this.#bytes = this.#bytes.subarray(4 + length)
    return { command, data }
  }
}
