// Whom a message names in its own header, and the message as it may travel (RFC 5322 §3.6.3).

import { formatAddress, mailboxesOf, parseAddressList } from './address.ts'
import { fieldsNamed, parseHeader, rawValue } from './header.ts'

/** The addresses in the fields of these names, in order. */
export function addressesIn(source: Buffer, names: readonly string[]): string[] {
  const header = parseHeader(source)
  return names.flatMap((name) =>
    fieldsNamed(header, name).flatMap((field) =>
      mailboxesOf(parseAddressList(rawValue(header, field))).map(formatAddress),
    ),
  )
}

/** The same message, and nobody learns who else was written to. */
export function withoutBcc(source: Buffer): Buffer {
  const fields = fieldsNamed(parseHeader(source), 'bcc')
  if (fields.length === 0) return source
  const pieces: Buffer[] = []
  let at = 0
  for (const field of fields) {
    pieces.push(source.subarray(at, field.start))
    at = field.end
  }
  return Buffer.concat([...pieces, source.subarray(at)])
}

/** Each address once, however it is written. */
export const distinct = (paths: readonly string[]): string[] => [
  ...new Map(paths.map((path) => [path.toLowerCase(), path])).values(),
]
