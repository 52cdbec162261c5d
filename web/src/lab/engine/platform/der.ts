// DER (X.690) of keys, as far as PKCS #1, PKCS #8 and SubjectPublicKeyInfo need it.

export const TAG = { integer: 0x02, bits: 0x03, octets: 0x04, nothing: 0x05, name: 0x06, sequence: 0x30 } as const

interface Element {
  readonly tag: number
  readonly content: Uint8Array
}

/** The elements that stand one after another. @throws Error when they are none */
export function readDer(bytes: Uint8Array): Element[] {
  const elements: Element[] = []
  for (let at = 0; at < bytes.length; ) {
    const tag = bytes[at++]!
    let length = bytes[at++] ?? bad()
    if (length > 0x80) {
      const count = length - 0x80
      if (count > 4) bad()
      length = 0
      for (let i = 0; i < count; i++) length = length * 256 + (bytes[at++] ?? bad())
      if (length < 0x80) bad()
    } else if (length === 0x80) bad()
    if (at + length > bytes.length) bad()
    elements.push({ tag, content: bytes.subarray(at, at + length) })
    at += length
  }
  return elements
}

/** The content of the only element there. @throws Error */
export function inside(bytes: Uint8Array, tag: number): Uint8Array {
  const [element, ...rest] = readDer(bytes)
  return element?.tag === tag && rest.length === 0 ? element.content : bad()
}

export function integerOf({ tag, content }: Element): bigint {
  if (tag !== TAG.integer || content.length === 0 || content[0]! >= 0x80) bad()
  return toBigint(content)
}

export const toBigint = (bytes: Uint8Array) =>
  bytes.length === 0 ? 0n : BigInt(`0x${Buffer.from(bytes).toString('hex')}`)

export function fromBigint(value: bigint): Buffer {
  const hex = value.toString(16)
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex')
}

export function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts)
  const length = fromBigint(BigInt(content.length))
  const head = content.length < 0x80 ? [content.length] : [0x80 + length.length, ...length]
  return Buffer.concat([Buffer.from([tag, ...head]), content])
}

export function integer(value: bigint): Buffer {
  const bytes = fromBigint(value)
  return der(TAG.integer, ...(bytes[0]! >= 0x80 ? [Buffer.from([0])] : []), bytes)
}

function bad(): never {
  throw new Error('This is no key in DER.')
}
