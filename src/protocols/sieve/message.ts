// The message as a script sees it: fields of the header that editheader may change, and the body. Every state is a value of
// its own, so that an action keeps the message as it was when the action was taken (RFC 5293 §6). The bytes are read by the
// house's parsers; a changed message is put together again only when somebody needs its bytes.

import { decodeEncodedWords } from '../../message/encoded-word.ts'
import { bytesToText, type Header, parseHeader, rawField, rawValue, unfold } from '../../message/header.ts'
import { type Part, parseStructure } from '../../message/mime.ts'

/** One field of a header. */
export interface Field {
  readonly name: string
  readonly lowerName: string
  /** With its line end. */
  readonly raw: Buffer
  /** Unfolded and trimmed, as it stands there. */
  readonly value: string
}

const LIMITS = { maxDepth: 30, maxParts: 1000 }

export function fieldsOf(header: Header): Field[] {
  return header.fields.map((field) => {
    let value: string | undefined
    return {
      name: field.name,
      lowerName: field.lowerName,
      raw: rawField(header, field),
      get value() {
        value ??= unfold(bytesToText(rawValue(header, field)))
        return value
      },
    }
  })
}

/** The value of a field as RFC 5228 §2.7.2 compares it: encoded words are the characters that they mean. */
export function decodedValue({ value }: Field): string {
  return decodeEncodedWords(value)
}

export class Message {
  readonly fields: readonly Field[]
  readonly #body: Buffer
  #bytes: Buffer | undefined
  #root: Part | undefined

  private constructor(fields: readonly Field[], body: Buffer, bytes?: Buffer) {
    this.fields = fields
    this.#body = body
    this.#bytes = bytes
  }

  static of(source: Buffer): Message {
    const header = parseHeader(source)
    return new Message(fieldsOf(header), source.subarray(header.fieldsEnd), source)
  }

  /** The same body below other fields. */
  withFields(fields: readonly Field[]): Message {
    return new Message(fields, this.#body)
  }

  /** The same fields above another body; it begins with the empty line. */
  withBody(body: Buffer): Message {
    return new Message(this.fields, body)
  }

  /** Put together again where the fields were changed. */
  get bytes(): Buffer {
    this.#bytes ??= Buffer.concat([...this.fields.map(({ raw }) => raw), this.#body])
    return this.#bytes
  }

  /** Its tree of parts. */
  get root(): Part {
    this.#root ??= parseStructure(this.bytes, LIMITS)
    return this.#root
  }

  named(name: string): Field[] {
    const lowerName = name.toLowerCase()
    return this.fields.filter((field) => field.lowerName === lowerName)
  }
}
